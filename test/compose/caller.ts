import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { within } from '../helpers/deadline.ts';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';
import { words } from '../helpers/docker/run.ts';
import type { Scope } from '../helpers/scope.ts';

/** Somebody outside of the mesh who calls web all the time. */
export interface Caller {
  /** Requests that were answered as they should be. */
  readonly answered: number;
  /** Resolves when so many more requests in a row have been answered. */
  works(what: string, times?: number): Promise<void>;
  /** Resolves when a request has failed, from now on. */
  fails(what: string): Promise<void>;
  stop(): Promise<void>;
}

/** A busy machine takes its time to bring a container back. */
const DEADLINE_MS = 90_000;

/** Starts one in the network of the host, where ports are published. */
export function startCaller(
  scope: Scope,
  { env }: DockerEngine,
  { apps, port, run }: { readonly apps: string; readonly port: number; readonly run: string },
): Caller {
  const child = spawn(
    'docker',
    [
      ...words('run --rm --interactive --init --network host --volume'),
      `${apps}:/apps:ro`,
      ...words(`node:26-slim node /apps/caller.mjs http://127.0.0.1:${port} ${run}`),
    ],
    { env, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  scope.teardown(() => child.kill('SIGKILL'));
  const watchers = new Set<(ok: boolean) => void>();
  let answered = 0;
  let last = 'nothing was answered yet';
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { ok, text } = JSON.parse(line) as { ok: boolean; text: string };
    last = text;
    if (ok) answered += 1;
    for (const notify of watchers) notify(ok);
  });
  const watch = async (what: string, isReached: (ok: boolean) => boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const notify = (ok: boolean): void => {
      if (isReached(ok)) resolve();
    };
    watchers.add(notify);
    try {
      await within(what, promise, DEADLINE_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}; the last answer was: ${last}`, {
        cause: error,
      });
    } finally {
      watchers.delete(notify);
    }
  };
  return {
    get answered() {
      return answered;
    },
    works(what, times = 4) {
      let row = 0;
      return watch(what, (ok) => {
        row = ok ? row + 1 : 0;
        return row >= times;
      });
    },
    fails: (what) => watch(what, (ok) => !ok),
    async stop() {
      const closed = once(child, 'close');
      child.stdin.end();
      await within('the caller ends', closed);
    },
  };
}
