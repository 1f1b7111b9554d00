import type { Route, ServicePort } from './route.ts';

/**
 * How a caller's sidecar treats a backend of routes, whichever of them leads there. The words are those of
 * BackendTrafficPolicy (GEP-3388 and Envoy Gateway). Every sidecar counts by itself.
 */
export interface BackendPolicy {
  /** The services that it is about; at least one. */
  readonly targets: readonly ServicePort[];
  /** What the service speaks; absent: what the client speaks. */
  readonly appProtocol?: 'http' | 'h2c' | undefined;
  readonly loadBalancer: LoadBalancerType;
  readonly outlierDetection: OutlierDetection;
  readonly circuitBreaker: CircuitBreaker;
  readonly rateLimit?: RateLimit | undefined;
  readonly retryConstraint: RetryConstraint;
}

/** LeastRequest: of two endpoints taken at random, the one with fewer requests under way. */
export type LoadBalancerType = 'LeastRequest' | 'RoundRobin' | 'Random';

/** When an endpoint gets no requests for a while. */
export interface OutlierDetection {
  /** Answers 5xx, resets, failed connections, and gRPC codes that stand for them; 0: never. */
  readonly consecutive5xxErrors: number;
  /** The first time; the second time twice as long, and so on. */
  readonly baseEjectionTimeMs: number;
  /** Of all endpoints at most; one is ejected whatever this says, where there are others. */
  readonly maxEjectionPercent: number;
}

/** What is refused with 503 at once. */
export interface CircuitBreaker {
  /** Requests under way at a time. */
  readonly maxParallelRequests: number;
  /** Requests that wait for a connection. */
  readonly maxPendingRequests: number;
}

/** A token bucket that holds `requests`, and fills up within the interval; beyond it: 429. */
export interface RateLimit {
  readonly requests: number;
  readonly intervalMs: number;
}

/** How many of all requests may be retries (GEP-3388), besides a rate that is always allowed. */
export interface RetryConstraint {
  readonly budget: { readonly percent: number; readonly intervalMs: number };
  readonly minRetryRate: { readonly count: number; readonly intervalMs: number };
}

/** What holds where the document says nothing. The numbers are those of Envoy and of GEP-3388. */
export const DEFAULT_BACKEND_POLICY: Omit<BackendPolicy, 'targets'> = {
  loadBalancer: 'LeastRequest',
  // Envoy's 10 percent would eject none of the few endpoints that a service of a small mesh has.
  outlierDetection: {
    consecutive5xxErrors: 5,
    baseEjectionTimeMs: 30_000,
    maxEjectionPercent: 50,
  },
  circuitBreaker: { maxParallelRequests: 1_024, maxPendingRequests: 1_024 },
  retryConstraint: {
    budget: { percent: 20, intervalMs: 10_000 },
    minRetryRate: { count: 10, intervalMs: 1_000 },
  },
};

/** What a mesh says about HTTP. */
export interface Routes {
  readonly routes: readonly Route[];
  readonly backends: readonly BackendPolicy[];
}

/** The default: everything is carried as bytes. */
export const NO_ROUTES: Routes = { routes: [], backends: [] };

/** How a backend is treated. */
export function backendPolicyFor({ backends }: Routes, backend: ServicePort): BackendPolicy {
  const found = backends.find(({ targets }) => targets.some((one) => isSamePort(one, backend)));
  return found ?? { ...DEFAULT_BACKEND_POLICY, targets: [backend] };
}

/** True for the same port of the same service. */
export function isSamePort(a: ServicePort, b: ServicePort): boolean {
  return a.port === b.port && a.service === b.service && a.namespace === b.namespace;
}
