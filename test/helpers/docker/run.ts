import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { within } from '../deadline.ts';

/** The words of a command line that has no spaces within words. */
export function words(line: string): readonly string[] {
  return line.split(' ');
}

/** Ends a process for good. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await within('the process ends', exited);
}

/** Where and for how long a program is run. */
export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly deadlineMs: number;
  readonly cwd?: string;
}

/** Runs a program to its end and resolves with its standard output; throws when it fails. */
export async function run(
  [program = '', ...args]: readonly string[],
  { deadlineMs, ...options }: RunOptions,
): Promise<string> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const what = `\`${[program, ...args].join(' ').slice(0, 200)}\``;
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  try {
    const [code] = (await within(`${what} ends`, once(child, 'close'), deadlineMs)) as [number];
    if (code !== 0) throw new Error(`${what} failed with ${code}`);
    return output.stdout;
  } catch (cause) {
    const last = `${output.stdout}\n${output.stderr}`.split('\n').slice(-60).join('\n');
    throw new Error(`${(cause as Error).message}\n${last}`, { cause });
  } finally {
    child.kill('SIGKILL');
  }
}
