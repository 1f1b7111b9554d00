import type { Registry } from 'prom-client';
import { everyValue } from '../../common/metrics/known-series.ts';
import { counter, gauge, histogram } from '../metrics/collectors.ts';
import { increment } from '../metrics/peers.ts';
import type { MetricRow } from '../metrics/table.ts';
import { REFUSALS, type ConnectionRefusal, type RequestFailure } from './refusal.ts';

/** From an answer out of memory to one that waits for a database. */
const REQUEST_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/**
 * The metrics of a gateway besides those of every member of the mesh. `listener` is the name of a
 * listener in the gateway's file, and `reason` a code from a closed list.
 */
export const GATEWAY_METRICS = {
  connectionsAccepted: {
    name: 'hauberk_gateway_connections_accepted_total',
    type: 'counter',
    labels: ['listener'],
    help: 'Connections from outside that were accepted.',
  },
  connectionsOpen: {
    name: 'hauberk_gateway_connections_open',
    type: 'gauge',
    labels: ['listener'],
    help: 'Connections from outside that are open.',
  },
  connectionsRefused: {
    name: 'hauberk_gateway_connections_refused_total',
    type: 'counter',
    labels: ['listener', 'reason'],
    help: 'Connections from outside that the gateway ended.',
  },
  requests: {
    name: 'hauberk_gateway_requests_total',
    type: 'counter',
    labels: ['listener', 'status'],
    help: 'HTTP requests that were answered, by status.',
  },
  requestsRefused: {
    name: 'hauberk_gateway_requests_refused_total',
    type: 'counter',
    labels: ['listener', 'reason'],
    help: 'HTTP requests that the gateway answered itself, because they were refused or failed.',
  },
  requestSeconds: {
    name: 'hauberk_gateway_request_seconds',
    type: 'histogram',
    labels: ['listener'],
    help: "From a request's header fields until its answer was complete.",
    buckets: REQUEST_BUCKETS_SECONDS,
  },
  certificateNotAfter: {
    name: 'hauberk_gateway_certificate_not_after_timestamp_seconds',
    type: 'gauge',
    labels: ['listener'],
    help: "When the first of the listener's certificates expires, in Unix time.",
  },
  reloads: {
    name: 'hauberk_gateway_reloads_total',
    type: 'counter',
    labels: ['outcome'],
    help: 'How often the file or a file that it names was read again: applied, unchanged or refused.',
  },
} as const satisfies Record<string, MetricRow>;

/** How reading the file again ended. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'refused';

/** What one listener counts. */
export interface ListenerMetrics {
  accepted(): void;
  /** Once for each `accepted`. */
  ended(): void;
  refused(reason: ConnectionRefusal): void;
  requestRefused(reason: RequestFailure): void;
  answered(status: number, seconds: number): void;
}

/** What a gateway counts. */
export interface GatewayMetrics {
  of(listener: string): ListenerMetrics;
  reloaded(outcome: ReloadOutcome): void;
  /** Sets where to read when the first certificate of each listener expires, in ms since the epoch. */
  certificates(source: () => ReadonlyMap<string, number>): void;
}

interface Row {
  accepted: number;
  ended: number;
  readonly refused: Map<string, number>;
  readonly requestsRefused: Map<string, number>;
  readonly answered: Map<number, number>;
}

const CONNECTION_REFUSALS = everyValue<ConnectionRefusal>({
  'too-many-connections': true,
  'client-limit': true,
  displaced: true,
  descriptors: true,
  'proxy-header-malformed': true,
  'client-hello-malformed': true,
  'client-hello-late': true,
  'no-route': true,
  'record-flood': true,
  'too-many-handshakes': true,
  'tls-handshake': true,
  'client-certificate': true,
});

const RELOAD_OUTCOMES = everyValue<ReloadOutcome>({
  applied: true,
  unchanged: true,
  refused: true,
});

/** Registers every metric of `GATEWAY_METRICS`. What has a closed list begins at 0 for each listener. */
export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  const rows = new Map<string, Row>();
  const reloads = new Map<ReloadOutcome, number>(RELOAD_OUTCOMES.map((outcome) => [outcome, 0]));
  let certificates: (() => ReadonlyMap<string, number>) | undefined;

  counter(registry, GATEWAY_METRICS.connectionsAccepted, (add) => {
    for (const [listener, { accepted }] of rows) add({ listener }, accepted);
  });
  gauge(registry, GATEWAY_METRICS.connectionsOpen, (set) => {
    for (const [listener, { accepted, ended }] of rows) set({ listener }, accepted - ended);
  });
  counter(registry, GATEWAY_METRICS.connectionsRefused, (add) => {
    for (const [listener, { refused }] of rows) {
      for (const [reason, count] of refused) add({ listener, reason }, count);
    }
  });
  counter(registry, GATEWAY_METRICS.requests, (add) => {
    for (const [listener, { answered }] of rows) {
      for (const [status, count] of answered) add({ listener, status: String(status) }, count);
    }
  });
  counter(registry, GATEWAY_METRICS.requestsRefused, (add) => {
    for (const [listener, { requestsRefused }] of rows) {
      for (const [reason, count] of requestsRefused) add({ listener, reason }, count);
    }
  });
  const requestSeconds = histogram(registry, GATEWAY_METRICS.requestSeconds);
  gauge(registry, GATEWAY_METRICS.certificateNotAfter, (set) => {
    for (const [listener, notAfterMs] of certificates?.() ?? []) {
      set({ listener }, notAfterMs / 1000);
    }
  });
  counter(registry, GATEWAY_METRICS.reloads, (add) => {
    for (const [outcome, count] of reloads) add({ outcome }, count);
  });

  const rowOf = (listener: string): Row => {
    const existing = rows.get(listener);
    if (existing !== undefined) return existing;
    const row = {
      accepted: 0,
      ended: 0,
      refused: new Map(CONNECTION_REFUSALS.map((reason) => [reason, 0])),
      requestsRefused: new Map(Object.keys(REFUSALS).map((reason) => [reason, 0])),
      answered: new Map(),
    };
    rows.set(listener, row);
    return row;
  };
  return {
    of(listener): ListenerMetrics {
      const row = rowOf(listener);
      return {
        accepted: () => void (row.accepted += 1),
        ended: () => void (row.ended += 1),
        refused: (reason) => increment(row.refused, reason),
        requestRefused: (reason) => increment(row.requestsRefused, reason),
        answered(status, seconds) {
          increment(row.answered, status);
          requestSeconds.observe({ listener }, seconds);
        },
      };
    },
    reloaded: (outcome) => increment(reloads, outcome),
    certificates(source) {
      certificates = source;
    },
  };
}
