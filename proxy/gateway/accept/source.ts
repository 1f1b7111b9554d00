import type net from 'node:net';
import { canonicalAddress } from '../../../common/network/ip-address.ts';

/** An IP address, in the form that can be compared, and a port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Where a connection from outside comes from, and where it wanted to go. */
export interface Source {
  readonly client: SocketAddress;
  readonly local: SocketAddress;
}

/** What the system says about a connection; undefined when it is gone already. */
export function sourceOf(socket: net.Socket): Source | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  const client = canonicalAddress(remoteAddress?.replace(/%.*$/, '') ?? '');
  const local = canonicalAddress(localAddress?.replace(/%.*$/, '') ?? '');
  if (client === undefined || local === undefined) return undefined;
  return {
    client: { address: client, port: remotePort ?? 0 },
    local: { address: local, port: localPort ?? 0 },
  };
}
