import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '../helpers/deadline.ts';
import type { Scope } from '../helpers/scope.ts';

/** What a script is run in, besides its own network, mounts and processes. */
export interface InsideOptions {
  /** Shell commands that root runs in there before. */
  readonly setup?: string;
}

/**
 * Runs one of the scripts in `inside/`, with everything that it starts, in a network, mounts and processes
 * of its own; resolves with what it printed last, as JSON. Nothing of it outlives it, however it ends.
 */
export async function runInside<Result>(
  scope: Scope,
  script: string,
  { setup = '' }: InsideOptions = {},
): Promise<Result> {
  const path = join(import.meta.dirname, 'inside', script);
  const shell = `ip link set lo up && ${setup === '' ? 'true' : setup} && exec "$@"`;
  const spaces = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', path];
  const child = spawn('unshare', [...spaces, 'sh', '-ec', shell, 'sh', ...node], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  scope.teardown(() => void child.kill('SIGKILL'));
  const ended = Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'close') as Promise<[number]>,
  ]);
  const [stdout, stderr, [code]] = await within(`${script} ends`, ended, 90_000);
  if (code !== 0)
    throw new Error(`${script} ended with ${code}:\n${stdout.join('')}${stderr.join('')}`);
  const last = stdout.join('').trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(last) as Result;
}
