import { ratioAtLeast } from '../results/metric.ts';
import {
  type Front,
  FRONTS,
  GRPC,
  type HttpExchange,
  httpMetrics,
  measureHttp,
  SMALL,
} from './http-exchanges.ts';
import type { Workload } from './workload.ts';

function route(front: Front, exchange: HttpExchange, connections: number): Workload {
  const many = `${connections} ${connections === 1 ? 'connection' : 'connections'}`;
  const targets = exchange === GRPC ? { requests: ratioAtLeast(0.8, 'envoy') } : {};
  return {
    id: `route-${front.id}${exchange.suffix}-${connections}`,
    title: `route, ${front.title}, ${exchange.title}, ${many}`,
    description: `${exchange.description}, over ${front.title}, one after the other on each of ${many}, to a service that has a route: the caller's sidecar leads each request.`,
    pair: 'shared',
    role: 'route',
    inRuns: ['full'],
    metrics: httpMetrics(exchange, "the caller's sidecar", targets),
    measure: (context) => measureHttp(context, front, exchange, connections),
  };
}

/** A service with a route, called in HTTP/1.1 and in gRPC. */
export const ROUTE: readonly Workload[] = [
  ...FRONTS.filter(({ id }) => id === 'http1').flatMap((front) =>
    [1, 32, 256].map((connections) => route(front, SMALL, connections)),
  ),
  ...FRONTS.filter(({ id }) => id === 'http2').flatMap((front) =>
    [1, 32, 256].map((connections) => route(front, GRPC, connections)),
  ),
];
