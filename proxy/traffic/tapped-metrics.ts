import type { TapEvent } from '../../proto/gen/hauberk/v1/traffic.ts';
import { OwnCounters } from '../metrics/access-log.ts';
import { portOf, type Direction } from '../metrics/peers.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { EndedRequest, RequestSink } from '../metrics/requests/request-counters.ts';
import { shownPath, type Tap } from './tap.ts';

/**
 * Metrics that also show each connection and request to a tap. A connection is told of when it was opened since the tap
 * is on, and a request when it has ended since; while it is off, all that this costs is to ask.
 */
export function withTap(metrics: ProxyMetrics, tap: Tap): ProxyMetrics {
  return {
    ...metrics,
    connectionOpened(direction, peer, place) {
      const connection = metrics.connectionOpened(direction, peer, place);
      if (!tap.isOn) return connection;
      const name = { ...NO_REQUEST, inbound: direction === 'inbound', peer };
      const about = { ...name, port: portOf(place ?? peer) };
      tap.saw({ ...about, kind: 'opened', status: '', seconds: 0, ...NO_BYTES });
      const counters = new OwnCounters(connection.counters);
      return {
        counters,
        observer: connection.observer,
        closed(outcome, seconds) {
          connection.closed(outcome, seconds);
          const { bytesFromApp: bytesSent, bytesToApp: bytesReceived } = counters;
          const bytes = { bytesSent, bytesReceived };
          tap.saw({ ...about, kind: 'closed', status: outcome, seconds, ...bytes });
        },
      };
    },
    connectionFailed(direction, peer, reason, port) {
      metrics.connectionFailed(direction, peer, reason, port);
      if (!tap.isOn) return;
      tap.saw({
        ...NO_REQUEST,
        ...NO_BYTES,
        kind: reason.startsWith('denied') ? 'denied' : 'failed',
        inbound: direction === 'inbound',
        peer,
        port: port ?? portOf(peer),
        status: reason,
        seconds: 0,
      });
    },
    requestDenied(peer, reason, port) {
      metrics.requestDenied(peer, reason, port);
      const event = { ...NO_REQUEST, ...NO_BYTES, inbound: true, peer, port };
      if (tap.isOn) tap.saw({ ...event, kind: 'request-denied', status: reason, seconds: 0 });
    },
    requests: (direction, peer, port) =>
      new TappedSink(metrics.requests(direction, peer, port), tap, { direction, peer, port }),
  };
}

const NO_REQUEST = { method: '', path: '', protocol: '', httpStatus: 0 };
const NO_BYTES = { bytesSent: 0, bytesReceived: 0 };

interface SinkName {
  readonly direction: Direction;
  readonly peer: string;
  readonly port: number;
}

/** Counts requests, and shows them to the tap. */
class TappedSink implements RequestSink {
  readonly #counted: RequestSink;
  readonly #tap: Tap;
  readonly #name: SinkName;

  constructor(counted: RequestSink, tap: Tap, name: SinkName) {
    this.#counted = counted;
    this.#tap = tap;
    this.#name = name;
  }

  get wantsTarget(): boolean {
    return this.#tap.isOn;
  }

  ended(request: EndedRequest): void {
    this.#counted.ended(request);
    if (this.#tap.isOn) this.#tap.saw(eventOf(this.#name, request));
  }
}

function eventOf(
  { direction, peer, port }: SinkName,
  request: EndedRequest,
): Omit<TapEvent, 'atMs'> {
  const inbound = direction === 'inbound';
  const { requestBytes, responseBytes } = request;
  return {
    kind: 'request',
    inbound,
    peer,
    port,
    method: request.method,
    path: shownPath(request.target ?? ''),
    protocol: request.protocol,
    httpStatus: request.responseStatus ?? 0,
    status: request.status,
    seconds: request.durationSeconds,
    bytesSent: inbound ? responseBytes : requestBytes,
    bytesReceived: inbound ? requestBytes : responseBytes,
  };
}
