import type { Registry } from 'prom-client';
import { everyValue } from '../../common/metrics/known-series.ts';
import { counter, gauge, histogram } from '../metrics/collectors.ts';
import { increment } from '../metrics/peers.ts';
import type { MetricRow } from '../metrics/table.ts';
import type { Backend } from './balance/backend.ts';
import { REQUEST_REFUSALS } from './requests/refusals.ts';
import type { RouteMetrics } from './requests/route-dependencies.ts';
import type { CompiledTable } from './table/compiled-routes.ts';
import type { RetryReason } from './retry/after-try.ts';

/** From an answer out of memory to one that waits for a database. */
const REQUEST_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/**
 * The metrics of requests to services that have routes. `route` is the name of a route of `mesh.yaml`, `backend` is
 * `SERVICE.NAMESPACE:PORT`, and `reason` a code from a closed list.
 */
export const ROUTE_METRICS = {
  requests: {
    name: 'hauberk_route_requests_total',
    type: 'counter',
    labels: ['route', 'status'],
    help: 'HTTP requests to services with routes, by the class of their status, or client-gone.',
  },
  refused: {
    name: 'hauberk_route_requests_refused_total',
    type: 'counter',
    labels: ['route', 'reason'],
    help: 'HTTP requests that were answered here or cut short: no backend answered, or not to the end.',
  },
  seconds: {
    name: 'hauberk_route_request_seconds',
    type: 'histogram',
    labels: ['route'],
    help: "From a request's head until its answer was complete.",
    buckets: REQUEST_BUCKETS_SECONDS,
  },
  active: {
    name: 'hauberk_route_requests_active',
    type: 'gauge',
    labels: ['backend'],
    help: 'HTTP requests that are under way to a backend.',
  },
  retries: {
    name: 'hauberk_route_retries_total',
    type: 'counter',
    labels: ['backend', 'reason'],
    help: 'Requests that were sent again, by why.',
  },
  retriesOverBudget: {
    name: 'hauberk_route_retries_over_budget_total',
    type: 'counter',
    labels: ['backend'],
    help: 'Requests that were not sent again, because the budget of retries was used up.',
  },
  ejections: {
    name: 'hauberk_route_ejections_total',
    type: 'counter',
    labels: ['backend'],
    help: 'Endpoints that were put aside, because requests to them failed in a row.',
  },
  ejected: {
    name: 'hauberk_route_endpoints_ejected',
    type: 'gauge',
    labels: ['backend'],
    help: 'Endpoints that are put aside now.',
  },
  faults: {
    name: 'hauberk_route_faults_total',
    type: 'counter',
    labels: ['route', 'fault'],
    help: 'Requests that were delayed or aborted on purpose.',
  },
  mirrored: {
    name: 'hauberk_route_mirrored_total',
    type: 'counter',
    labels: ['backend', 'outcome'],
    help: 'Copies of requests that were sent to a mirror, or dropped.',
  },
  connections: {
    name: 'hauberk_route_connections_refused_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Connections of the application, or requests on them, that were not HTTP.',
  },
} as const satisfies Record<string, MetricRow>;

/** What connections of the application to a service with routes were refused for. */
export type RoutedConnectionRefusal =
  'not-http' | 'tls' | 'silent' | 'malformed' | 'headers-too-large' | 'too-late' | 'unsupported';

const CONNECTION_REFUSALS = everyValue<RoutedConnectionRefusal>({
  'not-http': true,
  tls: true,
  silent: true,
  malformed: true,
  'headers-too-large': true,
  'too-late': true,
  unsupported: true,
});

const RETRY_REASONS = everyValue<RetryReason>({
  unsent: true,
  refused: true,
  stale: true,
  broken: true,
  late: true,
  code: true,
});

/** Names of routes and backends that came and went with versions of `mesh.yaml` are counted as one beyond so many. */
const MAX_NAMES = 1_000;
const OTHER = 'other';

interface RouteRow {
  readonly statuses: Map<string, number>;
  readonly refused: Map<string, number>;
  readonly faults: Map<string, number>;
}

interface BackendRow {
  readonly retries: Map<string, number>;
  readonly mirrored: Map<string, number>;
  overBudget: number;
  ejections: number;
}

type Add = (count: number, labels?: Readonly<Record<string, string>>) => void;

/** What is counted, and what connections that were refused are told to. */
export interface CountedRoutes extends RouteMetrics {
  connectionRefused(reason: RoutedConnectionRefusal): void;
  /** These names will be counted: what has a closed list begins at 0. */
  known(table: CompiledTable): void;
  /** Sets where to read what backends have under way and put aside. */
  backends(source: () => Iterable<Backend>): void;
}

/** Registers every metric of `ROUTE_METRICS`. What has a closed list begins at 0 for each route and backend. */
export function createRouteMetrics(registry: Registry): CountedRoutes {
  const routes = new Map<string, RouteRow>();
  const rows = new Map<string, BackendRow>();
  const connections = new Map<string, number>(CONNECTION_REFUSALS.map((reason) => [reason, 0]));
  let backends: () => Iterable<Backend> = () => [];
  const routeOf = (name: string): RouteRow =>
    rowOf(routes, name, () => ({
      statuses: new Map(),
      refused: new Map(REQUEST_REFUSALS.map((reason) => [reason, 0])),
      faults: new Map(['delay', 'abort'].map((fault) => [fault, 0])),
    }));
  const backendOf = (name: string): BackendRow =>
    rowOf(rows, name, () => ({
      retries: new Map(RETRY_REASONS.map((reason) => [reason, 0])),
      mirrored: new Map(),
      overBudget: 0,
      ejections: 0,
    }));
  const byRoute = (row: MetricRow, label: string, of: (one: RouteRow) => Map<string, number>) =>
    counter(registry, row, (add) => {
      for (const [route, counts] of routes) {
        for (const [value, count] of of(counts)) add({ route, [label]: value }, count);
      }
    });
  const byBackend = (row: MetricRow, collect: (one: BackendRow, add: Add) => void) =>
    counter(registry, row, (add) => {
      for (const [backend, counts] of rows) {
        collect(counts, (count, labels) => add({ backend, ...labels }, count));
      }
    });
  byRoute(ROUTE_METRICS.requests, 'status', ({ statuses }) => statuses);
  byRoute(ROUTE_METRICS.refused, 'reason', ({ refused }) => refused);
  const seconds = histogram(registry, ROUTE_METRICS.seconds);
  gauge(registry, ROUTE_METRICS.active, (set) => {
    for (const { name, active } of backends()) set({ backend: name }, active);
  });
  byBackend(ROUTE_METRICS.retries, ({ retries }, add) => {
    for (const [reason, count] of retries) add(count, { reason });
  });
  byBackend(ROUTE_METRICS.retriesOverBudget, ({ overBudget }, add) => add(overBudget));
  byBackend(ROUTE_METRICS.ejections, ({ ejections }, add) => add(ejections));
  gauge(registry, ROUTE_METRICS.ejected, (set) => {
    for (const { name, ejected } of backends()) set({ backend: name }, ejected);
  });
  byRoute(ROUTE_METRICS.faults, 'fault', ({ faults }) => faults);
  byBackend(ROUTE_METRICS.mirrored, ({ mirrored }, add) => {
    for (const [outcome, count] of mirrored) add(count, { outcome });
  });
  counter(registry, ROUTE_METRICS.connections, (add) => {
    for (const [reason, count] of connections) add({ reason }, count);
  });

  return {
    served(route, outcome) {
      const row = routeOf(route);
      increment(row.statuses, statusClass(outcome.status));
      if (outcome.refusal !== undefined) increment(row.refused, outcome.refusal);
      seconds.observe({ route }, outcome.seconds);
    },
    fault: (route, kind) => increment(routeOf(route).faults, kind),
    mirrored: ({ name }, outcome) => increment(backendOf(name).mirrored, outcome),
    retried: ({ name }, reason) => increment(backendOf(name).retries, reason),
    overBudget({ name }) {
      backendOf(name).overBudget += 1;
    },
    ejected({ name }) {
      backendOf(name).ejections += 1;
    },
    known({ entries }) {
      for (const { name, backends: to } of entries) {
        routeOf(name);
        for (const { backend } of to) backendOf(backend.name);
      }
    },
    connectionRefused: (reason) => increment(connections, reason),
    backends(source) {
      backends = source;
    },
  };
}

function rowOf<Row>(rows: Map<string, Row>, wanted: string, create: () => Row): Row {
  const name = rows.has(wanted) || rows.size < MAX_NAMES ? wanted : OTHER;
  let row = rows.get(name);
  if (row === undefined) {
    row = create();
    rows.set(name, row);
  }
  return row;
}

function statusClass(status: number): string {
  return status === 0 ? 'client-gone' : `${Math.floor(status / 100)}xx`;
}
