import type { Endpoint } from '../../common/wire/endpoint.ts';

/** What a choice is made from. */
export interface Candidates {
  /** Endpoints that serve the wanted port and were not tried yet for this connection. */
  readonly endpoints: readonly Endpoint[];
  readonly isHealthy: (endpoint: Endpoint) => boolean;
  /** Open streams to the endpoint. */
  readonly load: (endpoint: Endpoint) => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * Picks the less loaded of two random healthy endpoints ("power of two choices"): nearly as even as
 * asking all of them, and without a rush to the same one. When none is healthy the same choice
 * is made among all: an endpoint that may have recovered beats a certain failure.
 *
 * @returns undefined when there are no endpoints
 */
export function chooseEndpoint(candidates: Candidates): Endpoint | undefined {
  const healthy = candidates.endpoints.filter(candidates.isHealthy);
  const pool = healthy.length > 0 ? healthy : candidates.endpoints;
  if (pool.length < 2) return pool[0];
  const first = Math.floor(candidates.random() * pool.length);
  const offset = 1 + Math.floor(candidates.random() * (pool.length - 1));
  const one = pool[first];
  const other = pool[(first + offset) % pool.length];
  if (one === undefined || other === undefined) return one;
  return candidates.load(other) < candidates.load(one) ? other : one;
}
