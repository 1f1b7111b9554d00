import { runProgram } from '../lab/bench-process.ts';
import { findProgram } from '../lab/programs.ts';

const DEADLINE_MS = 10_000;

/** What a program says about its version, by a pattern with one group; undefined when it is missing. */
export async function programVersion(
  name: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string | undefined> {
  const program = findProgram(name);
  if (program === undefined) return undefined;
  const output = await runProgram({ name, program, args }, DEADLINE_MS);
  return pattern.exec(output)?.[1] ?? 'of unknown version';
}
