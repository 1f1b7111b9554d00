const EXPORTED = /^export (?:async )?(?:function\*?|const|class) ([\w$]+)/gm;
const WORD = /[A-Za-z_$][\w$]*/g;

/**
 * The exported functions, constants and classes of `sources` whose name stands in no other file, neither there nor in
 * `users`, as `file: name`. Types are left out: who takes a result has to be able to name it.
 */
export function unusedExports(
  sources: ReadonlyMap<string, string>,
  users: ReadonlyMap<string, string>,
): string[] {
  const filesOf = new Map<string, Set<string>>();
  for (const [file, text] of [...sources, ...users]) {
    for (const [word] of text.matchAll(WORD)) {
      const files = filesOf.get(word) ?? new Set();
      filesOf.set(word, files.add(file));
    }
  }
  return [...sources].flatMap(([file, text]) =>
    [...text.matchAll(EXPORTED)]
      .filter(([, name = '']) => filesOf.get(name)?.size === 1)
      .map(([, name]) => `${file}: ${name}`),
  );
}
