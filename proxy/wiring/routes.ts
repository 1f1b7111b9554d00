import type { Registry } from 'prom-client';
import { NO_ROUTES } from '../../common/routes/backend-policy.ts';
import { errorCode } from '../../common/errors.ts';
import type { Endpoint } from '../../common/wire/endpoint.ts';
import { Deadlines } from '../http/forward/deadlines.ts';
import { connectHttp1 } from '../http/http1/client-connection.ts';
import { connectHttp2 } from '../http/http2/connect.ts';
import type { Dialled } from '../http/upstream/pooled-connection.ts';
import { Upstream } from '../http/upstream/upstream.ts';
import {
  connectToEndpoint,
  dialTarget,
  type ConnectorDependencies,
} from '../outbound/connector.ts';
import type { ServeRouted } from '../outbound/upstream-listener.ts';
import { RoutedConnections } from '../routes/connections/routed-connections.ts';
import { createRouteMetrics } from '../routes/metrics.ts';
import { refusalSentence } from '../routes/requests/refusal-sentence.ts';
import type { RouteDependencies } from '../routes/requests/route-dependencies.ts';
import { RouteSet } from '../routes/table/route-set.ts';
import { countedStream } from '../stream/counted-stream.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Workload } from '../workload/workload.ts';
import type { Parts, Runtime } from './runtime.ts';

/** What routes are made from. */
export interface RoutesOptions {
  readonly workload: Workload;
  readonly runtime: Runtime;
  readonly connector: ConnectorDependencies;
  readonly registry: Registry;
  readonly tracer: Tracer | undefined;
}

/** Heads of answers may be large: cookies, policies. */
const RESPONSE_HEADER_BYTES = 64 * 1024;

/** Follows the routes of the mesh, and serves the connections of the application that they are for. */
export function openRoutes(options: RoutesOptions, parts: Parts): ServeRouted {
  const { workload, runtime, connector, registry, tracer } = options;
  const { policies } = workload;
  const { clock, logger, memory, random, guard } = runtime;
  const { view, pool, health, mayLog } = connector;
  const metrics = createRouteMetrics(registry);
  const routes = parts.own(
    new RouteSet({
      source: { current: () => policies.mesh?.routes ?? NO_ROUTES, onChange: policies.onChange },
      endpointsOf: view.endpointsOf,
      onEndpoints: view.onChange,
      onTable: (table) => metrics.known(table),
      // So that the first request to a canary does not wait for a handshake.
      onEndpoint: (endpoint) => pool.warm(dialTarget(endpoint)),
      isHealthy: (instanceId) => health.isHealthy(instanceId),
      clock,
      random,
      createUpstream: (endpoint, port, version) =>
        new Upstream({
          dial: (signal) => dial(endpoint(), port, options, signal),
          isShared: version === 'http2',
          speak: (stream, observer) =>
            version === 'http2'
              ? connectHttp2(stream, {
                  observer,
                  clock,
                  budget: memory,
                  owner: endpoint().spiffeId.uri,
                })
              : connectHttp1(stream, { headerBytes: RESPONSE_HEADER_BYTES }, observer),
          clock,
          guard,
          where: 'outbound',
        }),
    }),
  );
  metrics.backends(() => routes.backends);
  const requests: RouteDependencies = {
    deadlines: new Deadlines(clock),
    after: (delayMs, callback) => clock.after(delayMs, callback),
    random,
    nowS: () => Math.floor(clock.epochMs() / 1000),
    tracer,
    metrics,
    requestsOf: (peer, port) => workload.metrics.requests('outbound', peer, port),
    report({ service, route }, refusal) {
      if (!mayLog()) return;
      logger.warn(
        { event: 'request-refused', service, route, reason: refusal.reason },
        refusalSentence({ service, route }, refusal),
      );
    },
  };
  const connections = parts.ownDrained(
    new RoutedConnections({ requests, metrics, clock, memory, guard, logger, mayLog }),
  );
  return (connection, target) => {
    const service = routes.serviceAt(target);
    return service && connections.serve(connection.socket(), service);
  };
}

/** Opens a connection to one endpoint, through a tunnel, and counts it as any other. */
async function dial(
  endpoint: Endpoint,
  port: number,
  { connector, workload, runtime }: RoutesOptions,
  signal: AbortSignal,
): Promise<Dialled> {
  const { metrics } = workload;
  const { clock } = runtime;
  const startedMs = clock.monotonicMs();
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  const peer = endpoint.spiffeId.uri;
  try {
    const { stream, authority } = await connectToEndpoint(endpoint, port, connector, signal);
    metrics.connected('outbound', seconds());
    const connection = metrics.connectionOpened('outbound', peer, authority);
    return {
      stream: countedStream(stream, connection.counters, (outcome) =>
        connection.closed(outcome, seconds()),
      ),
      peer,
    };
  } catch (error) {
    const reason = signal.aborted ? 'timeout' : errorCode(error);
    metrics.connectionFailed('outbound', peer, reason, port);
    throw error;
  }
}
