import { BlockList } from 'node:net';
import { isIP } from 'node:net';
import type { Destination } from '../tunnel/authority.ts';

/** A port that peers may reach, and where the application really listens. */
export interface ExposedPort {
  /** The port as peers see it. */
  readonly port: number;
  /** The application's own listener. */
  readonly target: Destination;
}

/** Why a destination is not served; a label of `hauberk_connections_failed_total`. */
export type ExposureRefusal = 'wrong-destination' | 'not-exposed';

/** Where a CONNECT leads. */
export type Exposure =
  | { readonly kind: 'target'; readonly target: Destination }
  | { readonly kind: 'refused'; readonly reason: ExposureRefusal };

/** Answers where the destination of a CONNECT leads on this host. */
export type ResolveExposure = (destination: Destination) => Exposure;

/**
 * Only the ports in the list can be reached, and only under an address of this host: a stream that
 * was meant for another host is refused, never served by accident.
 *
 * @param ownAddresses the addresses of this host now; asked anew for each stream, because interfaces
 *   come and go
 */
export function createExposure(
  ports: readonly ExposedPort[],
  ownAddresses: () => readonly string[],
): ResolveExposure {
  const targets = new Map(ports.map(({ port, target }) => [port, target]));
  return ({ address, port }) => {
    const own = new BlockList();
    for (const candidate of ownAddresses()) own.addAddress(candidate, family(candidate));
    if (!own.check(address, family(address))) {
      return { kind: 'refused', reason: 'wrong-destination' };
    }
    const target = targets.get(port);
    if (target === undefined) return { kind: 'refused', reason: 'not-exposed' };
    return { kind: 'target', target };
  };
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
