import { serviceOf } from '../../common/wire/traffic/tap-filter.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';

/** A peer as people write it: `SERVICE.NAMESPACE`; what is no workload of the mesh stays as it is. */
export function shortName(peer: string, trustDomain: string): string {
  const service = serviceOf(peer);
  if (service === undefined || !peer.startsWith(`spiffe://${trustDomain}/`)) return peer;
  return formatService(service);
}

/** `SERVICE.NAMESPACE`. */
function formatService({ namespace, service }: ServiceName): string {
  return `${service}.${namespace}`;
}
