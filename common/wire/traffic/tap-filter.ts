import type { ServiceName } from '../../../proto/gen/hauberk/v1/identity.ts';
import type { TapEvent, TapFilter } from '../../../proto/gen/hauberk/v1/traffic.ts';

/** A service with the mesh that it is of. */
export interface MeshService extends ServiceName {
  readonly trustDomain: string;
}

/** A filter that everything fits. */
export const TAP_ALL: TapFilter = {
  from: undefined,
  to: undefined,
  port: 0,
  pathPrefix: '',
  peer: '',
  status: [],
  method: '',
};

/** What a filter may ask for as `status`, besides codes and reasons: whatever did not succeed. */
export const FAILED = 'failed';

/**
 * Whether sidecars of a service have to look. An event has two sides, and would be told of twice: where the caller
 * is named, its sidecar tells; otherwise, where the called is named, that one's; both where neither is.
 */
export function isConcerned({ from, to }: TapFilter, self: ServiceName): boolean {
  return isSame(from ?? to ?? self, self);
}

/**
 * Whether an event that a sidecar of the service has seen fits the filter. The filter names services of the mesh: one of
 * the same name in another trust domain is another.
 */
export function fitsTap(filter: TapFilter, self: MeshService, event: TapEvent): boolean {
  if (!isConcerned(filter, self)) return false;
  const { from, to } = filter;
  if (from !== undefined && event.inbound) return false;
  if (from === undefined && to !== undefined && !event.inbound) return false;
  if (from !== undefined && to !== undefined && event.peer !== uriOf(to, self)) return false;
  if (filter.port !== 0 && filter.port !== event.port) return false;
  if (!event.peer.startsWith(filter.peer)) return false;
  if (filter.method !== '' && filter.method !== event.method) return false;
  if (filter.pathPrefix !== '' && !event.path.startsWith(filter.pathPrefix)) return false;
  return filter.status.length === 0 || filter.status.some((wanted) => hasStatus(event, wanted));
}

/** The service that a peer is; undefined for what is no SPIFFE ID of a workload. */
export function serviceOf(peer: string): MeshService | undefined {
  const [, trustDomain, namespace, service] =
    /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(peer) ?? [];
  if (trustDomain === undefined || namespace === undefined || service === undefined)
    return undefined;
  return { trustDomain, namespace, service };
}

/** The SPIFFE ID of a service in the trust domain of another one. */
function uriOf({ namespace, service }: ServiceName, { trustDomain }: MeshService): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${service}`;
}

function isSame(a: ServiceName, b: ServiceName): boolean {
  return a.service === b.service && a.namespace === b.namespace;
}

function hasStatus(event: TapEvent, wanted: string): boolean {
  if (wanted === FAILED) return hasFailed(event);
  if (event.httpStatus !== 0 && wanted === String(event.httpStatus)) return true;
  return wanted.toLowerCase() === event.status.toLowerCase();
}

const IN_ORDER = new Set(['1xx', '2xx', '3xx', '4xx', 'OK', 'complete']);

/** Whether it did not succeed; an answer that the client is to blame for did. */
export function hasFailed({ kind, status }: TapEvent): boolean {
  if (kind === 'opened') return false;
  return (
    kind === 'failed' || kind === 'denied' || kind === 'request-denied' || !IN_ORDER.has(status)
  );
}
