import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';
import { asUser, endProcess, SYSTEM_ENV, type Host } from './network.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');

function startProgram(scope: Scope, host: Host, program: string, args: readonly string[]) {
  const [command = '', ...prefix] = [...host.through, ...asUser('1000')];
  const node = [process.execPath, join(PROGRAMS, `${program}.ts`), ...args];
  const child = spawn(command, [...prefix, ...node], {
    env: SYSTEM_ENV,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  scope.teardown(() => endProcess(child));
  return child;
}

/** Starts the application of a host; resolves when it serves. */
export async function startApp(scope: Scope, host: Host): Promise<void> {
  const child = startProgram(scope, host, 'app', [host.name]);
  child.stderr.pipe(process.stderr);
  await within(`the application of ${host.name} serves`, once(child.stdout, 'data'));
}

/** A conversation of a host's application with somebody. */
export interface Conversation {
  say(text: string): void;
  /** Resolves when all that was heard so far ends with the text; takes it. */
  hear(text: string): Promise<void>;
  /** Ends our direction. */
  end(): void;
  /** Resolves when the other side has ended: with nothing, or with the system's error. */
  readonly ended: Promise<string>;
}

/** Connects from a host, as its application does. */
export function converse(
  scope: Scope,
  host: Host,
  [protocol, address, port]: readonly ['tcp' | 'udp', string, number],
): Conversation {
  const child = startProgram(scope, host, 'talk', [protocol, address, String(port)]);
  let heard = '';
  let notify = (): void => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
    notify();
  });
  const ended = Promise.all([
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'close'),
  ]).then(([error]) => error.join(''));
  const what = `the conversation of ${host.name} with ${address} port ${port}`;
  return {
    say: (text) => void child.stdin.write(text),
    end: () => child.stdin.end(),
    ended: within(`${what} ends`, ended, 60_000),
    async hear(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      notify = () => {
        if (heard.endsWith(text)) resolve();
      };
      notify();
      void ended.then((error) => reject(new Error(`${what} ended: ${error}`)));
      try {
        await within(`${what}: ${JSON.stringify(text)} is heard`, promise);
      } catch (error) {
        throw new Error(`${String(error)}, but ${JSON.stringify(heard)}`, { cause: error });
      }
      heard = '';
    },
  };
}
