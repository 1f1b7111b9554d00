import type { Duplex } from 'node:stream';
import type net from 'node:net';
import type { ServicePort } from '../outbound/connector.ts';

/**
 * Opens a connection to a service of the mesh, through a tunnel: resolves when the application there
 * has accepted it. Throws OutboundError or TunnelError, and the signal ends the wait.
 */
export type OpenConnection = (service: ServicePort, signal: AbortSignal) => Promise<Duplex>;

/** Carries a connection from outside to a service until it has ended. Never rejects. */
export type CarryConnection = (socket: net.Socket, service: ServicePort) => Promise<void>;

/** The ways from a gateway into the mesh. */
export interface Services {
  readonly open: OpenConnection;
  readonly carry: CarryConnection;
}
