import { ratioAtLeast, ratioAtMost, valueAtMost } from '../results/metric.ts';
import {
  ANSWERS,
  type Front,
  FRONTS,
  GRPC,
  type HttpExchange,
  httpMetrics,
  measureHttp,
  SMALL,
  SMALL_HTTP1_SERVICE,
  UPLOADS,
} from './http-exchanges.ts';
import type { RunKind, Workload } from './workload.ts';

function gateway(
  front: Front,
  exchange: HttpExchange,
  connections: number,
  inRuns: readonly RunKind[],
): Workload {
  const many = `${connections} ${connections === 1 ? 'connection' : 'connections'}`;
  const targets = {
    requests: ratioAtLeast(1, 'envoy'),
    ...(connections === 1 && { p50: ratioAtMost(1.25, 'envoy') }),
    cpu: ratioAtMost(1.25, 'envoy'),
    memory: valueAtMost(110),
    alarm: inRuns.includes('check') ? CPU_ALARM : undefined,
  };
  return {
    id: `gateway-${front.id}${exchange.suffix}-${connections}`,
    title: `gateway, ${front.title}, ${exchange.title}, ${many}`,
    description: `${exchange.description}, over ${front.title}, one after the other on each of ${many}, through a gateway.`,
    pair: 'shared',
    role: 'gateway',
    inRuns,
    metrics: httpMetrics(exchange, 'the gateway', HAVE_TARGETS.has(exchange) ? targets : {}),
    measure: (context) => measureHttp(context, front, exchange, connections),
  };
}

const HAVE_TARGETS: ReadonlySet<HttpExchange> = new Set([SMALL, SMALL_HTTP1_SERVICE]);

/** To nginx, which CI measures beside us: about twice what was reached. */
const CPU_ALARM = ratioAtMost(4);

const CONNECTIONS = [1, 32, 256] as const;
const FEW = 8;

/** HTTP from outside through a gateway, in each way in which clients come. */
export const GATEWAY: readonly Workload[] = [
  ...FRONTS.flatMap((front) =>
    CONNECTIONS.map((connections) => {
      const isQuick = front.id === 'http1' && connections === 32;
      return gateway(front, SMALL, connections, isQuick ? ['quick', 'full', 'check'] : ['full']);
    }),
  ),
  ...FRONTS.filter(({ id }) => id === 'http1' || id === 'http2-tls').flatMap((front) =>
    [ANSWERS, UPLOADS].map((exchange) => gateway(front, exchange, FEW, ['full'])),
  ),
  ...FRONTS.filter(({ id }) => id === 'http1').flatMap((front) =>
    CONNECTIONS.map((connections) => gateway(front, SMALL_HTTP1_SERVICE, connections, ['full'])),
  ),
  ...FRONTS.filter(({ id }) => id === 'http2').flatMap((front) =>
    CONNECTIONS.map((connections) => gateway(front, GRPC, connections, ['full'])),
  ),
];
