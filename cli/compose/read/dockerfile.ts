import { z } from 'zod';
import { fillIn } from '../source/variables.ts';

/** What a service is built from, as far as it decides the health check of the image. */
export interface BuildSource {
  /** Relative to the folder of the project; another repository has no such folder. */
  readonly context: string;
  /** Relative to the context. */
  readonly dockerfile: string;
  /** The Dockerfile itself, where the Compose file has it. */
  readonly inline: string | undefined;
  /** The stage that is built; by default the last one. */
  readonly target: string | undefined;
  readonly args: ReadonlyMap<string, string>;
  /** Names that stand for something else than an image. */
  readonly otherContexts: ReadonlySet<string>;
}

/** Where the test of a built image comes from: the Dockerfile, or the image that it begins with. */
export type BuiltTest =
  | { readonly kind: 'test'; readonly test: readonly string[] }
  | { readonly kind: 'image'; readonly image: string };

/** One instruction, on one line. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** What begins with a `FROM`. */
interface Stage {
  readonly name: string | undefined;
  /** An image, or an earlier stage; undefined where a variable in it is not set. */
  readonly base: string | undefined;
  readonly instructions: Instruction[];
}

/**
 * Finds the health check of the image that a Dockerfile makes (Dockerfile reference, "HEALTHCHECK": the last one of the
 * stage counts, and what a stage begins with counts where it has none).
 *
 * @returns undefined when that cannot be told
 */
export function builtTest(text: string, build: BuildSource): BuiltTest | undefined {
  const stages = stagesOf(instructionsOf(text), build.args);
  let index = build.target === undefined ? stages.length - 1 : indexOf(stages, build.target);
  for (;;) {
    const stage = stages[index];
    if (stage === undefined || stage.instructions.some(isLate)) return undefined;
    const health = stage.instructions.findLast(({ name }) => name === 'HEALTHCHECK');
    if (health !== undefined) return testOf(health);
    const { base } = stage;
    if (base === undefined || build.otherContexts.has(base)) return undefined;
    if (base === 'scratch') return { kind: 'test', test: [] };
    // By name only: a number is an image here.
    const earlier = indexOfName(stages.slice(0, index), base);
    if (earlier < 0) return { kind: 'image', image: base };
    index = earlier;
  }
}

function indexOf(stages: readonly Stage[], name: string): number {
  const index = indexOfName(stages, name);
  return index < 0 && /^\d+$/.test(name) && Number(name) < stages.length ? Number(name) : index;
}

function indexOfName(stages: readonly Stage[], name: string): number {
  return stages.findLastIndex((one) => one.name === name.toLowerCase());
}

/** It would count in what begins with this stage, not here. */
function isLate({ name, rest }: Instruction): boolean {
  return name === 'ONBUILD' && /^healthcheck\b/i.test(rest);
}

const wordList = z.array(z.string());

function testOf({ rest }: Instruction): BuiltTest | undefined {
  const [, kind = '', command = ''] = /^(?:--\S+\s+)*(\w+)\s*(.*)$/s.exec(rest) ?? [];
  if (/^none$/i.test(kind)) return { kind: 'test', test: ['NONE'] };
  if (!/^cmd$/i.test(kind) || command === '') return undefined;
  const words = wordList.safeParse(parsed(command));
  return { kind: 'test', test: words.success ? ['CMD', ...words.data] : ['CMD-SHELL', command] };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function stagesOf(
  instructions: readonly Instruction[],
  given: ReadonlyMap<string, string>,
): readonly Stage[] {
  const stages: Stage[] = [];
  // Only what is before the first stage counts in `FROM`.
  const args = new Map<string, string>();
  const fill = (written: string): string | undefined => {
    const { text, missing } = fillIn(written, (name) => args.get(name));
    // Such as `${NAME%suffix}`, which a Compose file does not have.
    return missing === undefined && !text.includes('$') ? text : undefined;
  };
  for (const instruction of instructions) {
    const { name, rest } = instruction;
    if (name === 'FROM') {
      const [image = '', as, stage] = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
      const isNamed = as?.toLowerCase() === 'as';
      const base = fill(image)?.replace(/^(["'])(.*)\1$/, '$2');
      stages.push({ base, name: isNamed ? stage?.toLowerCase() : undefined, instructions: [] });
    } else if (stages.length > 0) stages.at(-1)?.instructions.push(instruction);
    else if (name === 'ARG') {
      for (const word of rest.split(/\s+/)) {
        const [, arg = '', written] = /^(\w+)(?:=["']?(.*?)["']?)?$/.exec(word) ?? [];
        const value = given.get(arg) ?? (written === undefined ? undefined : fill(written));
        if (value !== undefined) args.set(arg, value);
      }
    }
  }
  return stages;
}

/** A word of a shell, with its quotes. */
const WORD = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs;

/** A word that begins a text of several lines, which ends with a line of the word behind it. */
const HEREDOC = /^\d*<<(-?)([^<]+)$/s;

/** Has the backtick for the escape character; only other directives may stand before it. */
const BACKTICK =
  /^(?:#[ \t]*[a-z][a-z\d]*[ \t]*=[^\n]*\n)*#[ \t]*escape[ \t]*=[ \t]*`[ \t\r]*(?:\n|$)/i;

/** The instructions of a Dockerfile (Dockerfile reference, "Format" and "Parser directives"). */
function instructionsOf(text: string): readonly Instruction[] {
  const written = text.replace(/^\uFEFF/, '');
  const lines = written.split(/\r?\n/);
  const escape = BACKTICK.test(written) ? '`' : '\\';
  // Two of them stand for the character itself.
  const goesOn = (line: string): boolean =>
    line.endsWith(escape) && !line.endsWith(escape + escape);
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    let line = lines[at]?.trim() ?? '';
    if (isNothing(line)) continue;
    while (goesOn(line) && at + 1 < lines.length) {
      do at += 1;
      while (at + 1 < lines.length && isNothing(lines[at] ?? ''));
      line = line.slice(0, -1) + (lines[at] ?? '').trimEnd();
    }
    const [, name = '', rest = ''] = /^(\w+)\s*(.*)$/s.exec(line) ?? [];
    const instruction = { name: name.toUpperCase(), rest: rest.trim() };
    instructions.push(instruction);
    if (/^(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s/i.test(line)) at = afterHeredocs(lines, at, rest);
  }
  return instructions;
}

function isNothing(line: string): boolean {
  return /^\s*(?:#.*)?$/.test(line);
}

/** The last line of the texts that an instruction has; where one does not end, it is none. */
function afterHeredocs(lines: readonly string[], from: number, rest: string): number {
  let at = from;
  for (const [word] of rest.matchAll(WORD)) {
    const [, dash, quoted = ''] = HEREDOC.exec(word) ?? [];
    if (quoted === '') continue;
    const delimiter = quoted.replace(/\\(.)|["']/gs, '$1');
    const isEnd = (line: string): boolean =>
      (dash === '-' ? line.replace(/^\t+/, '') : line) === delimiter;
    const end = lines.findIndex((line, index) => index > at && isEnd(line));
    if (end >= 0) at = end;
  }
  return at;
}
