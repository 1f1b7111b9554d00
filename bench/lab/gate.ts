import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { BenchError } from '../bench-error.ts';
import { pause } from './deadline.ts';

/**
 * Holds the first request of each connection until all connections are there, and lets them go at
 * once. What is measured after that is keep-alive traffic alone, without the handshakes before it.
 */
export interface Gate {
  /** Of its Unix socket, which the application reaches from any network namespace. */
  readonly path: string;
  /**
   * Expects so many first requests, and holds them for `holdMs` after the last one, which makes them
   * the slowest of the run: readers of the latencies leave them out by that.
   *
   * @returns resolves when the gate has opened. @throws BenchError `not-in-time`
   */
  arm(expected: number, holdMs: number): Promise<void>;
  close(): void;
}

/** A thousand handshakes take about a second; some programs take several. */
const ARRIVAL_DEADLINE_MS = 15_000;

/** Starts the gate in this process, which has nothing else to do while others are measured. */
export async function startGate(path: string): Promise<Gate> {
  let held: ServerResponse[] = [];
  let missing = 0;
  let arrived: () => void = () => undefined;
  const server = createServer((_request, response) => {
    if (missing === 0) {
      response.end('open\n');
      return;
    }
    held.push(response);
    missing -= 1;
    if (missing === 0) arrived();
  });
  server.keepAliveTimeout = 120_000;
  server.listen({ path, backlog: 4096 });
  await once(server, 'listening');
  const open = (): void => {
    for (const response of held) response.end('open\n');
    held = [];
    missing = 0;
  };
  return {
    path,
    async arm(expected, holdMs) {
      open();
      missing = expected;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      arrived = resolve;
      const late = setTimeout(() => {
        const sentence = `${missing} of ${expected} connections brought no request within ${ARRIVAL_DEADLINE_MS / 1000} s`;
        reject(new BenchError('not-in-time', sentence));
      }, ARRIVAL_DEADLINE_MS);
      try {
        await promise;
        // The counter is at zero, and one that comes now is not held: all that were expected are.
        await pause(holdMs);
      } finally {
        clearTimeout(late);
        open();
      }
    },
    close() {
      open();
      server.closeAllConnections();
      server.close();
    },
  };
}
