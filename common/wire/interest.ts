import type { Interest } from '../../proto/gen/hauberk/v1/discovery.ts';
import { parseSpiffeId } from '../pki/spiffe-id.ts';
import type { Endpoint, ToldEndpoint } from './endpoint.ts';

/** One entry of an interest, as a key: `service NAMESPACE/SERVICE`, `namespace NAMESPACE` or `address IP`. */
export type Scope = string;

/** More services and addresses than a gateway of a large mesh calls; bounds what a stream takes of memory (0.5 MB). */
export const MAX_SCOPES = 4_096;

/** A service of the mesh. */
export interface ServiceName {
  readonly namespace: string;
  readonly service: string;
}

/** The endpoints of a service. */
export function serviceScope({ namespace, service }: ServiceName): Scope {
  return `service ${namespace}/${service}`;
}

/** The endpoints of all services of a namespace. */
export function namespaceScope(namespace: string): Scope {
  return `namespace ${namespace}`;
}

/** The endpoints that name an IP address, in canonical form. */
export function addressScope(address: string): Scope {
  return `address ${address}`;
}

/** The IP address that a scope is about; undefined for those of names. */
export function addressOf(scope: Scope): string | undefined {
  return scope.startsWith('address ') ? scope.slice('address '.length) : undefined;
}

/**
 * The scopes that an endpoint fits, each once. Both ends of a Sync stream decide by it who is told of it.
 * The holder of a contested address is told of the one who contests it.
 */
export function scopesOf({
  spiffeId,
  addresses,
  proven,
  contests,
}: Pick<Endpoint | ToldEndpoint, 'spiffeId' | 'addresses' | 'proven' | 'contests'>): Scope[] {
  const id = typeof spiffeId === 'string' ? parseSpiffeId(spiffeId) : spiffeId;
  const scopes = new Set([serviceScope(id), namespaceScope(id.namespace)]);
  for (const { holder } of contests) scopes.add(serviceScope(parseSpiffeId(holder)));
  for (const address of addresses) scopes.add(addressScope(address));
  for (const address of proven) scopes.add(addressScope(address));
  return [...scopes];
}

/** The entries of an interest, as keys. The names and addresses are those of the sender, unchecked. */
export function toScopes({ services, namespaces, addresses }: Interest): Scope[] {
  const scopes = [
    ...services.map(serviceScope),
    ...namespaces.map(namespaceScope),
    ...addresses.map(addressScope),
  ];
  return [...new Set(scopes)];
}

/** Scopes in the form that travels. */
export function toInterestMessage(scopes: Iterable<Scope>): Interest {
  const services: ServiceName[] = [];
  const namespaces: string[] = [];
  const addresses: string[] = [];
  for (const scope of scopes) {
    const [kind, name = ''] = scope.split(' ', 2);
    if (kind === 'service') {
      const [namespace = '', service = ''] = name.split('/', 2);
      services.push({ namespace, service });
    } else if (kind === 'namespace') namespaces.push(name);
    else addresses.push(name);
  }
  return { services, namespaces, addresses };
}
