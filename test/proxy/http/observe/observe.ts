import { ConnectionObserver } from '../../../../proxy/http/observe/connection-observer.ts';
import { KeptMemory } from '../../../../proxy/http/observe/kept-bytes.ts';
import type { EndedRequest } from '../../../../proxy/metrics/requests/request-counters.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import type { Random } from '../../../helpers/random.ts';

/** What one side sends; undefined is its FIN. */
export type Step = readonly [side: 'client' | 'server', bytes: string | Buffer | undefined];

/** What was counted. */
export interface Observed {
  /** `GET 2xx 0>5`: method, status, bytes of the request's body and of the response's; with the protocol if not HTTP/1. */
  readonly requests: readonly string[];
  readonly detected: readonly string[];
  readonly failures: readonly string[];
  /** What the guard has caught. */
  readonly thrown: readonly unknown[];
  /** The observer wanted to see no more before the connection was over. */
  readonly left: boolean;
  readonly mostKeptBytes: number;
  /** After the end. */
  readonly keptBytes: number;
}

/** Shows an observer a connection, each step in pieces of `cut` bytes, and then its end. */
export function observe(
  steps: readonly Step[],
  cut: (left: number) => number = (left) => left,
  direction: 'inbound' | 'outbound' = 'outbound',
): Observed {
  const [requests, detected, failures, thrown] = [[], [], [], []] as [
    string[],
    string[],
    string[],
    unknown[],
  ];
  const memory = new KeptMemory();
  let mostKeptBytes = 0;
  const observer = new ConnectionObserver(
    { direction, peer: 'peer', port: 80 },
    {
      clock: createManualClock(),
      memory,
      guard: {
        run: () => {},
        promise: () => {},
        listener: (_where, callback) => callback,
        report: (_where, error) => void thrown.push(error),
      },
      metrics: {
        requests: () => ({
          wantsTarget: false,
          ended: (request) => void requests.push(told(request)),
        }),
        requestDenied: () => {},
        protocolDetected: (_direction, protocol) => void detected.push(protocol),
        httpParseFailed: (_direction, reason) => void failures.push(reason),
      },
    },
  );
  const fromClient = direction === 'outbound' ? 'bytesFromApp' : 'bytesToApp';
  const fromServer = direction === 'outbound' ? 'bytesToApp' : 'bytesFromApp';
  let left = false;
  for (const [side, what] of steps) {
    const from = side === 'client' ? fromClient : fromServer;
    if (what === undefined) {
      if (!left) observer.end(from);
      continue;
    }
    const bytes = typeof what === 'string' ? Buffer.from(what, 'latin1') : what;
    for (let at = 0; at < bytes.length && !left;) {
      const end = Math.min(at + Math.max(cut(bytes.length - at), 1), bytes.length);
      // A chunk is valid during the call only.
      const chunk = Buffer.from(bytes.subarray(at, end));
      left = !observer.data(from, chunk);
      chunk.fill(0xee);
      mostKeptBytes = Math.max(mostKeptBytes, memory.usedBytes);
      at = end;
    }
  }
  observer.closed();
  const keptBytes = memory.usedBytes;
  return { requests, detected, failures, thrown, left, mostKeptBytes, keptBytes };
}

/** Pieces of random lengths, short ones more often. */
export function randomCut(random: Random): (left: number) => number {
  return (left) => 1 + random(random(2) === 0 ? 4 : Math.min(left, 200));
}

function told({ protocol, method, status, requestBytes, responseBytes }: EndedRequest): string {
  const line = `${method} ${status} ${requestBytes}>${responseBytes}`;
  return protocol === 'http1' ? line : `${protocol} ${line}`;
}
