import { systemClock } from '../../../common/clock.ts';
import { repeat, staggered, type Repeated } from '../../../common/repeat.ts';
import { SyncRequest, type Watch } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../../proto/gen/hauberk/v1/traffic.ts';
import type { MessageStream } from './grpc.ts';

/** Of a sidecar: whom it calls, and who calls it. */
export interface SimulatedEdges {
  /** SPIFFE IDs. */
  readonly calls: readonly string[];
  readonly callers: readonly string[];
}

/** Upper bounds of the durations, as sidecars have them (`common/wire/traffic/durations.ts`). */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PORT = 8080;
const REQUESTS_PER_REPORT = 100;
const FAILED_PER_REPORT = 1;
const BYTES_PER_REQUEST = 1_000;

/** What a busy sidecar reports while an operator looks: every edge has carried something since the last report. */
export class SimulatedTraffic {
  readonly #edges: SimulatedEdges;
  #reports: Repeated | undefined;
  #intervalMs = 0;
  #stream: MessageStream | undefined;
  #told = 0;

  constructor(edges: SimulatedEdges) {
    this.#edges = edges;
  }

  /** The control plane asks on this stream, and again every few seconds. */
  asked({ trafficIntervalMs, lifetimeMs }: Watch, stream: MessageStream): void {
    const intervalMs = lifetimeMs === 0 ? 0 : trafficIntervalMs;
    if (intervalMs === this.#intervalMs && stream === this.#stream) return;
    this.stop();
    if (intervalMs === 0) return;
    this.#stream = stream;
    this.#intervalMs = intervalMs;
    this.#report(stream, true);
    const pauseMs = staggered(() => intervalMs, Math.random);
    this.#reports = repeat(systemClock, pauseMs, () => this.#report(stream, false));
  }

  stop(): void {
    this.#reports?.stop();
    this.#reports = undefined;
    this.#intervalMs = 0;
    this.#stream = undefined;
  }

  #report(stream: MessageStream, first: boolean): void {
    this.#told += 1;
    const edge = (inbound: boolean) => (peer: string) => edgeOf(peer, inbound, this.#told);
    const { calls, callers } = this.#edges;
    const edges = [...calls.map(edge(false)), ...callers.map(edge(true))];
    const report = { edges, first, truncated: false };
    stream.write(
      SyncRequest.encode({ message: { $case: 'trafficReport', value: report } }).finish(),
    );
  }
}

/** Sums since the start, after so many reports. */
function edgeOf(peer: string, inbound: boolean, reports: number): EdgeTraffic {
  const requests = REQUESTS_PER_REPORT * reports;
  const failed = FAILED_PER_REPORT * reports;
  const each = Math.floor(requests / BOUNDS.length);
  return {
    inbound,
    peer,
    port: PORT,
    plaintext: false,
    connectionsOpened: 10 + reports,
    connectionsOpen: 10,
    connectionsFailed: [],
    connectionsBroken: [],
    bytesSent: requests * BYTES_PER_REQUEST,
    bytesReceived: requests * BYTES_PER_REQUEST,
    requests: [
      { protocol: 'http1', status: '2xx', count: requests - failed },
      { protocol: 'http1', status: '5xx', count: failed },
    ],
    requestsDenied: [],
    requestDurations: {
      bounds: BOUNDS,
      counts: [...BOUNDS.map(() => each), 0],
      sum: requests / 100,
    },
  };
}
