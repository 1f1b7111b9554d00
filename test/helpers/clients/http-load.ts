import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';

/** What a load has seen so far. */
export interface LoadResult {
  readonly requests: number;
  /** How many of them failed. */
  readonly failed: number;
  /** What went wrong, each sentence once. */
  readonly failures: readonly string[];
  /** How often each body was received. */
  readonly bodies: ReadonlyMap<string, number>;
}

/** A load that runs until it is stopped. */
export interface HttpLoad {
  readonly result: LoadResult;
  /** Resolves when so many more requests were answered or have failed. */
  more(requests: number): Promise<void>;
  /** Waits for the requests in flight. */
  stop(): Promise<LoadResult>;
}

/** How a load behaves. */
export interface HttpLoadOptions {
  readonly port: number;
  /** Requests in flight at any time. */
  readonly concurrency?: number;
  /** False opens a connection for each request. */
  readonly keepAlive?: boolean;
  /** How long each of them rests between two requests: for loads that run long beside other tests. */
  readonly paceMs?: number;
  /** `GET` unless it is given; a `POST` has no body. */
  readonly method?: 'GET' | 'POST';
}

/** Sends requests without a pause until it is stopped, at the latest when the test ends. */
export function startHttpLoad(
  scope: Scope,
  { port, concurrency = 4, keepAlive = true, paceMs = 0, method = 'GET' }: HttpLoadOptions,
): HttpLoad {
  const agent = new http.Agent({ keepAlive, maxSockets: concurrency });
  const bodies = new Map<string, number>();
  const failures: string[] = [];
  const waiting = new Set<{ at: number; resolve: () => void }>();
  let requests = 0;
  let failed = 0;
  let stopped = false;

  const worker = async (): Promise<void> => {
    while (!stopped) {
      try {
        const body = await send(agent, port, { method, path: '/' });
        bodies.set(body, (bodies.get(body) ?? 0) + 1);
      } catch (error) {
        failed += 1;
        if (!failures.includes(String(error))) failures.push(String(error));
      }
      requests += 1;
      for (const waiter of waiting) if (requests >= waiter.at) waiter.resolve();
      if (paceMs > 0) await pause(paceMs);
    }
  };
  const workers = Promise.all(Array.from({ length: concurrency }, worker));
  const result: LoadResult = {
    get requests() {
      return requests;
    },
    get failed() {
      return failed;
    },
    failures,
    bodies,
  };
  const stop = async (): Promise<LoadResult> => {
    stopped = true;
    await workers;
    agent.destroy();
    return result;
  };
  scope.teardown(stop);
  return {
    result,
    async more(count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter = { at: requests + count, resolve };
      waiting.add(waiter);
      await within(`${count} more requests end`, promise, 40_000);
      waiting.delete(waiter);
    },
    stop,
  };
}

/** Sends one GET on a connection of its own and resolves with the body; rejects unless it is a 200. */
export function getOnce(port: number, path = '/'): Promise<string> {
  return send(new http.Agent(), port, { method: 'GET', path });
}

async function send(
  agent: http.Agent,
  port: number,
  asked: { readonly method: string; readonly path: string },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = http.request(
    { agent, host: '127.0.0.1', port, ...asked, timeout: 30_000 },
    (response) => {
      response.setEncoding('utf8');
      response.toArray().then((chunks) => {
        if (response.statusCode === 200) resolve(chunks.join(''));
        else reject(new Error(`status ${response.statusCode}`));
      }, reject);
    },
  );
  request.on('timeout', () => request.destroy(new Error('no answer in 30 s')));
  request.on('error', reject);
  request.end();
  return await promise;
}
