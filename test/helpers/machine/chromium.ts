import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Scope } from '../scope.ts';

/** What keeps a browser to itself: it asks nobody for updates, and works as root and without a GPU. */
const ALONE = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-extensions',
  '--disable-sync',
  '--no-first-run',
  '--no-proxy-server',
];

/** A browser that is under way. */
export interface Chromium {
  /** Rejects when it ends by itself, with what it has said. */
  readonly ended: Promise<never>;
}

/**
 * Opens a page in the machine's Chromium, without a window, until the scope ends.
 *
 * @param args such as `--host-resolver-rules`
 */
export async function startChromium(
  scope: Scope,
  url: string,
  args: readonly string[] = [],
): Promise<Chromium> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-chromium-'));
  // A group of its own: it is several processes.
  const child = spawn('chromium', [...ALONE, `--user-data-dir=${directory}`, ...args, url], {
    detached: true,
    env: { PATH: process.env['PATH'], HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  const closed = once(child, 'close');
  let isWanted = true;
  scope.teardown(async () => {
    isWanted = false;
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await closed;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    if (scope.passed === false) console.error(output.join(''));
  });
  const ended = closed.then(async (): Promise<never> => {
    if (!isWanted) return await new Promise<never>(() => {});
    throw new Error(`expected Chromium to go on, and it ended: ${output.join('')}`);
  });
  ended.catch(() => {});
  return { ended };
}
