import { once } from 'node:events';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { within } from '../../../helpers/deadline.ts';

/** A real process with a store, and the lines that it has printed to stdout. */
export interface StoreProcess {
  readonly lines: readonly string[];
  /** Resolves when it has printed as many lines; fails, with its stderr, when it ends before. */
  untilLines(count: number): Promise<void>;
  /** Resolves when it has ended and everything that it printed is in `lines`. */
  ended(): Promise<void>;
  /** SIGKILL, then `ended`. */
  kill(): Promise<void>;
}

/** Starts one of the programs in `programs/`, behind a wrapper command if one is given. */
export function startStoreProcess(
  t: ExecutionContext,
  program: string,
  args: readonly string[],
  wrapper: readonly string[] = [],
): StoreProcess {
  const file = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url));
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', file, ...args];
  const [command = '', ...rest] = [...wrapper, ...node];
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  let check = (): void => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    check();
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const closed = once(child, 'close');
  const ended = async (): Promise<void> => {
    await within(`${program} ends`, closed);
  };
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return {
    lines,
    ended,
    async untilLines(count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      check = () => {
        if (lines.length >= count) resolve();
      };
      check();
      void closed.then(() =>
        reject(new Error(`${program} ended after ${lines.length} lines: ${complaints}`)),
      );
      await within(`${program} prints ${count} lines`, promise);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended();
    },
  };
}
