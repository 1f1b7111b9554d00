import { connect } from 'node:net';
import { once } from 'node:events';
import { Registry } from 'prom-client';
import { APPLICATION_SHARE } from '../../../common/budget/shared-budget.ts';
import { systemClock, type Clock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import {
  DEFAULT_BACKEND_POLICY,
  type BackendPolicy,
  type Routes,
} from '../../../common/routes/backend-policy.ts';
import type { Route, RouteRule, ServicePort } from '../../../common/routes/route.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { Deadlines } from '../../../proxy/http/forward/deadlines.ts';
import { connectHttp1 } from '../../../proxy/http/http1/client-connection.ts';
import { connectHttp2 } from '../../../proxy/http/http2/connect.ts';
import { Upstream } from '../../../proxy/http/upstream/upstream.ts';
import type { EndedRequest } from '../../../proxy/metrics/requests/request-counters.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { listenPlaintext } from '../../../proxy/stream/plaintext-listener.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import type { Backend } from '../../../proxy/routes/balance/backend.ts';
import { RoutedConnections } from '../../../proxy/routes/connections/routed-connections.ts';
import { createRouteMetrics } from '../../../proxy/routes/metrics.ts';
import { refusalSentence } from '../../../proxy/routes/requests/refusal-sentence.ts';
import { RouteSet } from '../../../proxy/routes/table/route-set.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { parseMetrics, type MetricSamples } from '../../helpers/metric-samples.ts';
import type { Scope } from '../../helpers/scope.ts';

/** The service that the application calls. */
export const WEB: ServicePort = { namespace: 'shop', service: 'web', port: 80 };

/** Routes of a sidecar, whose endpoints are servers of this process: what tunnels carry otherwise goes over plain sockets. */
export interface RoutesUnderTest {
  /** Where the application finds the service. */
  readonly port: number;
  readonly connections: RoutedConnections;
  /** Sets the routes in force. */
  set(routes: Routes): void;
  /** Makes a local port an endpoint of a service, under an instance id. */
  add(instanceId: string, at: number, target?: ServicePort): void;
  remove(instanceId: string): void;
  metrics(): Promise<MetricSamples>;
  /** From now on connections to endpoints wait until what this returns is called. */
  hold(): Hold;
  /** Requests as they are counted by peer. */
  readonly counted: readonly EndedRequest[];
  readonly backends: () => Iterable<Backend>;
  /** What the guard has caught. */
  readonly internalErrors: () => readonly unknown[];
  /** Reasons that the log names. */
  readonly reasons: () => readonly string[];
  /** What the log says of requests without an answer of a backend. */
  readonly refusals: () => readonly string[];
}

/** Ends a hold. */
export interface Hold {
  (): void;
  /** Connections that wait. */
  readonly waiting: number;
}

/** A rule that sends every request to the service itself, but for what it is given. */
export function rule(given: Partial<RouteRule> = {}): RouteRule {
  return {
    name: '',
    matches: [{ headers: [], queryParams: [] }],
    filters: { mirrors: [] },
    backends: [],
    timeouts: {},
    ...given,
  };
}

/** Routes of one rule for `WEB`, and a policy for its backends. */
export function routes(
  rules: readonly RouteRule[] = [rule()],
  policy: Partial<BackendPolicy> = {},
  kind: Route['kind'] = 'http',
): Routes {
  const targets = [WEB, ...rules.flatMap(({ backends }) => backends)];
  return {
    routes: [{ kind, name: 'web', parents: [WEB], rules }],
    backends: [{ ...DEFAULT_BACKEND_POLICY, targets, ...policy }],
  };
}

/** Starts them for one test. */
export async function startRoutes(
  scope: Scope,
  given: Routes = routes(),
  clock: Clock = systemClock,
): Promise<RoutesUnderTest> {
  const { logger, lines, of } = createLogRecorder();
  const guard = createGuard({ clock, logger });
  const memory = new MemoryBudget(64 * 1024 * 1024);
  const registry = new Registry();
  const ports = new Map<string, number>();
  let endpoints: readonly Endpoint[] = [];
  const byService = new Map<string, readonly Endpoint[]>();
  let current = given;
  const counted: EndedRequest[] = [];
  const held = { until: Promise.resolve(), waiting: 0 };
  let onRoutes = (): void => {};
  let onEndpoints = (): void => {};
  const metrics = createRouteMetrics(registry);
  const set = new RouteSet({
    source: {
      current: () => current,
      onChange(listener) {
        onRoutes = listener;
        return () => {};
      },
    },
    onTable: (table) => metrics.known(table),
    onEndpoints(listener) {
      onEndpoints = listener;
      return () => {};
    },
    endpointsOf: (namespace, service) => byService.get(`${namespace}/${service}`) ?? NONE,
    onEndpoint() {},
    isHealthy: () => true,
    clock,
    random: Math.random,
    createUpstream: (endpoint, _port, version) =>
      new Upstream({
        where: 'outbound',
        dial: async (signal) => {
          held.waiting += 1;
          await held.until;
          const socket = connect(ports.get(endpoint().instanceId) ?? 0, '127.0.0.1');
          socket.on('error', () => {});
          signal.addEventListener('abort', () => socket.destroy(), { once: true });
          await once(socket, 'connect', { signal });
          socket.pause();
          return { stream: socketStream(socket), peer: endpoint().spiffeId.uri };
        },
        isShared: version === 'http2',
        speak: (stream, observer) =>
          version === 'http2'
            ? connectHttp2(stream, { observer, clock, budget: memory, owner: 'web' })
            : connectHttp1(stream, { headerBytes: 64 * 1024 }, observer),
        clock,
        guard,
      }),
  });
  metrics.backends(() => set.backends);
  const connections = new RoutedConnections({
    requests: {
      deadlines: new Deadlines(clock),
      after: (delayMs, callback) => clock.after(delayMs, callback),
      random: Math.random,
      nowS: () => Math.floor(clock.epochMs() / 1000),
      tracer: undefined,
      metrics,
      requestsOf: () => ({
        wantsTarget: false,
        ended: (request) => void counted.push({ ...request }),
      }),
      report: ({ service, route }, refusal) =>
        logger.warn(
          {
            event: 'request-refused',
            service,
            route,
            reason: refusal.reason,
            cause: refusal.cause,
          },
          refusalSentence({ service, route }, refusal),
        ),
    },
    metrics,
    clock,
    memory,
    guard,
    logger,
    mayLog: () => true,
  });
  const listener = await listenPlaintext(
    {
      name: 'upstream',
      host: '127.0.0.1',
      port: 0,
      network: HOST_NETWORK,
      logger,
      guard,
      where: 'outbound',
      announcement: (at) => at,
      share: APPLICATION_SHARE,
      onRefused: () => {},
    },
    async (connection) => {
      const service = set.serviceAt(WEB);
      if (service === undefined) connection.reset();
      else await connections.serve(connection.socket(), service);
    },
  );
  scope.teardown(() => {
    connections.close();
    set.close();
    listener.close();
  });
  const relist = (): void => {
    byService.clear();
    for (const endpoint of endpoints) {
      const key = `${endpoint.spiffeId.namespace}/${endpoint.spiffeId.service}`;
      byService.set(key, [...(byService.get(key) ?? []), endpoint]);
    }
    onEndpoints();
  };
  return {
    port: listener.address.port,
    connections,
    set(next) {
      current = next;
      onRoutes();
    },
    add(instanceId, at, { namespace, service, port } = WEB) {
      ports.set(instanceId, at);
      const endpoint: Endpoint = {
        instanceId,
        spiffeId: spiffeId({ trustDomain: 'mesh.example', namespace, service }),
        addresses: ['127.0.0.1'],
        proven: ['127.0.0.1'],
        contests: [],
        hbonePort: 15008,
        ports: [port],
        anyPort: false,
      };
      endpoints = [...endpoints, endpoint];
      relist();
    },
    remove(instanceId) {
      endpoints = endpoints.filter((one) => one.instanceId !== instanceId);
      relist();
    },
    metrics: async () => parseMetrics(await registry.metrics()),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.until = promise;
      held.waiting = 0;
      return Object.defineProperty(() => resolve(), 'waiting', { get: () => held.waiting }) as Hold;
    },
    counted,
    backends: () => set.backends,
    internalErrors: () => lines.filter(({ event }) => event === 'internal-error'),
    refusals: () => of('request-refused').map(({ msg }) => msg),
    reasons: () => lines.map((line) => String(line['reason'])),
  };
}

const NONE: readonly Endpoint[] = [];
