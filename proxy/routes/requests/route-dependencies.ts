import type { Timer } from '../../../common/clock.ts';
import type { Deadlines } from '../../http/forward/deadlines.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import type { RequestSink } from '../../metrics/requests/request-counters.ts';
import type { Tracer } from '../../tracing/tracer.ts';
import type { Backend } from '../balance/backend.ts';
import type { RoutedRequestObserver } from './routed-request.ts';

/** What serving requests by routes takes. */
export interface RouteDependencies {
  readonly deadlines: Deadlines;
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Unix time, in seconds. */
  readonly nowS: () => number;
  readonly tracer: Tracer | undefined;
  readonly metrics: RouteMetrics;
  /** Where the requests to a peer are counted, as those that are seen in carried connections. */
  readonly requestsOf: (peer: string, port: number) => RequestSink;
  /** For the log: a request was not answered by a backend. */
  readonly report: (
    at: { readonly service: string; readonly route: string },
    refusal: Refusal,
  ) => void;
}

/** Counts requests. Names of routes and backends are those of `mesh.yaml`. */
export interface RouteMetrics extends RoutedRequestObserver {
  /** A request is over. */
  served(route: string, outcome: ServedOutcome): void;
  fault(route: string, kind: 'delay' | 'abort'): void;
  mirrored(backend: Backend, outcome: 'sent' | 'dropped'): void;
}

/** What became of a request. */
export interface ServedOutcome {
  /** 0 when the client went away. */
  readonly status: number;
  /** Why no backend has answered it, or not to the end. */
  readonly refusal: string | undefined;
  readonly seconds: number;
}
