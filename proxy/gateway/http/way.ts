import type { HttpRoute } from '../config/gateway-file.ts';
import type { HostOutside } from '../service.ts';
import type { RequestHead } from './request-head.ts';
import { hostOf, type HttpDestination } from './service-clients.ts';

/** Where a request goes, and what is asked there. */
export interface Way {
  readonly destination: HttpDestination;
  readonly head: RequestHead;
}

/** What a way depends on besides the route. */
export interface WayDependencies {
  readonly hostOutside: HostOutside;
  /** For services that are named without one. */
  readonly namespace: string;
}

/** Where a route leads to, and what is asked there; undefined when it leads nowhere. */
export function wayOf(
  { backend, preserveHost }: HttpRoute,
  head: RequestHead,
  { namespace, hostOutside }: WayDependencies,
): Way | undefined {
  if (backend === undefined) return undefined;
  if (!('outside' in backend)) {
    return { destination: { ...backend, namespace: backend.namespace ?? namespace }, head };
  }
  const destination = backend.outside;
  const policy = hostOutside(destination);
  const own = hostOf({ ...destination, host: policy?.hostname ?? destination.host });
  const keeps = preserveHost ?? policy?.preserveHost ?? true;
  // A client of HTTP/1.0 may leave out whom it asks.
  const authority = keeps ? (head.authority ?? own) : own;
  return { destination, head: { ...head, authority } };
}
