// Help texts, errors, documents and comments name their subject (CONTRIBUTING.md, "Words"): a sentence about
// "somebody" cannot be checked against the code. The list is short; a word that is right somewhere is allowed there.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseSync, Visitor } from 'oxc-parser';

const ROOT = join(import.meta.dirname, '../..');

const SOURCES = ['common', 'cli', 'control-plane', 'keeper', 'proxy', 'bench', 'examples', 'tools'];

/** What to write instead, by the word. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/\b(nobody|no one)\b/i, 'no sidecar, no caller, no operator, or the passive'],
  [/\b(somebody|someone|anybody|anyone)\b/i, 'the peer, the caller, an operator, an attacker'],
  [/\b(everybody|everyone)\b/i, 'every sidecar, every client, every user'],
  [/\b(whoever|whomever)\b/i, 'the caller, the reader, the holder, every process that'],
  [/\banew\b/i, 'again'],
  [/\bstrangers?\b/i, 'unauthenticated clients, a server outside the mesh'],
  [/\b(thrown|throws?|throwing) (it|them|him|an identity|a certificate)? ?out\b/i, 'revoke'],
  [/\b(let|lets|letting) go of\b/i, 'release, cancel'],
  [/\bin the wrong hands\b/i, 'compromised'],
  [/\b(has|have|had) to be one of\b/i, 'expected one of'],
];

/** Where a word is right: names of the operating system, of an example, of a pattern. */
const ALLOWED: Readonly<Record<string, RegExp>> = {
  'cli/compose/plan/pod-service.ts': /user nobody/,
  'common/authorization/name-pattern.ts': /\* {5,}everybody/,
  'common/authorization/policy.ts': /`anybody`/,
  'examples/etcd-cluster/README.md': /stranger/,
  'examples/etcd-cluster/lab/main.ts': /a client and a stranger/,
};

test('documents, texts and comments say who or what they are about', (t) => {
  const found: string[] = [];
  const files = globSync(
    ['*.md', 'docs/**/*.md', 'examples/**/*.md', ...SOURCES.map((folder) => `${folder}/**/*.ts`)],
    { cwd: ROOT, exclude: ['**/node_modules/**'] },
  );
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const sentence of file.endsWith('.md') ? text.split('\n') : sentencesOf(file, text)) {
      for (const [word, instead] of INSTEAD) {
        if (!word.test(sentence) || ALLOWED[file]?.test(sentence) === true) continue;
        found.push(`${file}: "${sentence.trim()}": write ${instead}`);
      }
    }
  }
  t.deepEqual(found, []);
});

test('a word is found in comments and in texts, and nowhere else', (t) => {
  const source =
    "// Whoever asks.\nconst anybody = `for ${nobody} anew`;\nf('somebody', 'of somebody');\n";
  t.deepEqual(sentencesOf('x.ts', source), [
    ' Whoever asks.',
    '`for ${nobody} anew`',
    "'of somebody'",
  ]);
});

/** Comments line by line, and strings of more than one word. */
function sentencesOf(file: string, text: string): string[] {
  const { program, comments } = parseSync(file, text);
  const strings: string[] = [];
  const add = ({ start, end }: { readonly start: number; readonly end: number }): void => {
    const string = text.slice(start, end);
    if (string.trim().includes(' ')) strings.push(string);
  };
  new Visitor({
    Literal: (node) => {
      if (typeof node.value === 'string') add(node);
    },
    TemplateLiteral: add,
  }).visit(program);
  return [...comments.flatMap(({ value }) => value.split('\n')), ...strings];
}
