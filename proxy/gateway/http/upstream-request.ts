import type { HttpRoute } from '../config/gateway-file.ts';
import type { EgressPolicyOf } from '../service.ts';
import type { RequestHead } from './request-head.ts';
import { hostOf, type HttpDestination } from './service-clients.ts';

/** A request as it is sent upstream: where it goes, and its head. */
export interface UpstreamRequest {
  readonly destination: HttpDestination;
  readonly head: RequestHead;
}

/** What an upstream request depends on besides the route. */
export interface UpstreamRequestDependencies {
  readonly egressPolicyOf: EgressPolicyOf;
  /** For services that are named without one. */
  readonly namespace: string;
}

/** The upstream request for a route; undefined when the route has no backend. */
export function upstreamRequestOf(
  { backend, preserveHost }: HttpRoute,
  head: RequestHead,
  { namespace, egressPolicyOf }: UpstreamRequestDependencies,
): UpstreamRequest | undefined {
  if (backend === undefined) return undefined;
  if (!('outside' in backend)) {
    return { destination: { ...backend, namespace: backend.namespace ?? namespace }, head };
  }
  const destination = backend.outside;
  const policy = egressPolicyOf(destination);
  const own = hostOf({ ...destination, host: policy?.hostname ?? destination.host });
  const keeps = preserveHost ?? policy?.preserveHost ?? true;
  // A client of HTTP/1.0 may leave out whom it asks.
  const authority = keeps ? (head.authority ?? own) : own;
  return { destination, head: { ...head, authority } };
}
