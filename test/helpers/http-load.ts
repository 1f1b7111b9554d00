import http from 'node:http';
import type { ExecutionContext } from 'ava';

/** What a load has seen so far. */
export interface LoadResult {
  readonly requests: number;
  /** What went wrong, a sentence for each failed request. */
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
}

/** Sends requests without a pause until it is stopped, at the latest when the test ends. */
export function startHttpLoad(
  t: ExecutionContext,
  { port, concurrency = 4, keepAlive = true }: HttpLoadOptions,
): HttpLoad {
  const agent = new http.Agent({ keepAlive, maxSockets: concurrency });
  const bodies = new Map<string, number>();
  const failures: string[] = [];
  const waiting = new Set<{ at: number; resolve: () => void }>();
  let requests = 0;
  let stopped = false;

  const worker = async (): Promise<void> => {
    while (!stopped) {
      try {
        const body = await get(agent, port);
        bodies.set(body, (bodies.get(body) ?? 0) + 1);
      } catch (error) {
        failures.push(String(error));
      }
      requests += 1;
      for (const waiter of waiting) if (requests >= waiter.at) waiter.resolve();
    }
  };
  const workers = Promise.all(Array.from({ length: concurrency }, worker));
  const result: LoadResult = {
    get requests() {
      return requests;
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
  t.teardown(stop);
  return {
    result,
    async more(count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter = { at: requests + count, resolve };
      waiting.add(waiter);
      await promise;
      waiting.delete(waiter);
    },
    stop,
  };
}

async function get(agent: http.Agent, port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = http.get({ agent, host: '127.0.0.1', port, timeout: 30_000 }, (response) => {
    response.setEncoding('utf8');
    response.toArray().then((chunks) => {
      if (response.statusCode === 200) resolve(chunks.join(''));
      else reject(new Error(`status ${response.statusCode}`));
    }, reject);
  });
  request.on('timeout', () => request.destroy(new Error('no answer in 30 s')));
  request.on('error', reject);
  return await promise;
}
