import { isReachableFromElsewhere } from '../../common/network/ip-address.ts';

/** Where a connection leads. */
interface SocketAddress {
  /** IP address, without brackets. */
  readonly address: string;
  readonly port: number;
}

/** A port that peers may reach, and where the application really listens. */
export interface ExposedPort {
  /** The port as peers see it. */
  readonly port: number;
  /** The application's own listener. */
  readonly target: SocketAddress;
}

/** Why a destination is not served; a label of `hauberk_connections_failed_total`. */
export type ExposureRefusal = 'wrong-destination' | 'not-exposed';

/** Where a CONNECT leads. */
export type Exposure =
  | { readonly kind: 'target'; readonly target: SocketAddress }
  | { readonly kind: 'refused'; readonly reason: ExposureRefusal };

/** Answers where the destination of a CONNECT leads on this host. */
export type ResolveExposure = (destination: SocketAddress) => Exposure;

/** What peers may reach. */
export interface ExposureOptions {
  readonly ports: readonly ExposedPort[];
  /** True when every port of this host can be reached, but for the reserved ones. */
  readonly anyPort: boolean;
  /** Ports that are never served: the sidecar's own, and the excluded ones. */
  readonly isReserved: (port: number) => boolean;
  /** The address of this host that a destination means; undefined when it is another host. */
  readonly localFor: (address: string) => string | undefined;
}

/**
 * A stream reaches a port in the list, or any port, and only under an address of this host: one that
 * was meant for another host is refused, never served by accident.
 *
 * With any port, the application is dialled at the very address that the peer named, so that what
 * listens on 127.0.0.1 alone stays out of reach.
 */
export function createExposure(options: ExposureOptions): ResolveExposure {
  const { anyPort, isReserved, localFor } = options;
  const targets = new Map(options.ports.map(({ port, target }) => [port, target]));
  return ({ address, port }) => {
    const local = localFor(address);
    if (local === undefined) return refused('wrong-destination');
    const target = targets.get(port);
    if (target !== undefined) return { kind: 'target', target };
    if (!anyPort || isReserved(port)) return refused('not-exposed');
    if (!isReachableFromElsewhere(local)) return refused('wrong-destination');
    return { kind: 'target', target: { address: local, port } };
  };
}

function refused(reason: ExposureRefusal): Exposure {
  return { kind: 'refused', reason };
}
