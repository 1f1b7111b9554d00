import type net from 'node:net';
import type { ServiceName } from '../../common/wire/interest.ts';
import type { EgressTarget } from '../../common/authorization/egress.ts';
import type { Dialled } from '../http/upstream/pooled-connection.ts';
import type { ServicePort } from '../outbound/connector.ts';

/**
 * Opens a connection to a service of the mesh, through a tunnel: resolves when the application there
 * has accepted it. Throws OutboundError or TunnelError, and the signal ends the wait.
 */
export type OpenConnection = (service: ServicePort, signal: AbortSignal) => Promise<Dialled>;

/**
 * Carries a connection from outside to a service until it has ended. Never rejects.
 *
 * @param reset breaks off what is below the connection, where it is TLS
 */
export type CarryConnection = (
  socket: net.Socket,
  service: ServicePort,
  reset?: () => void,
) => Promise<void>;

/**
 * Opens a connection to a server outside, in TLS as the mesh configuration says: resolves when the server
 * has proven who it is. Throws EgressError, and the signal ends the wait.
 */
export type OpenEgressConnection = (target: EgressTarget, signal: AbortSignal) => Promise<Dialled>;

/**
 * How the policy of the moment wants a server outside to be addressed; undefined where there is none, and
 * nothing will be sent.
 */
export type EgressPolicyOf = (
  target: EgressTarget,
) => { readonly preserveHost: boolean; readonly hostname: string } | undefined;

/** The ways from a gateway into the mesh, and out of it. */
export interface Services {
  readonly open: OpenConnection;
  readonly carry: CarryConnection;
  readonly openEgressConnection: OpenEgressConnection;
  readonly egressPolicyOf: EgressPolicyOf;
  /**
   * Is told to which services of the mesh there are routes, and may be called. Resolves when they are known, as far as they can
   * be.
   */
  readonly gatewayServices: (services: readonly ServiceName[]) => Promise<void>;
  /** Is told, whenever it changes, to which servers outside there are routes. */
  readonly followEgressRoutes: (targets: readonly EgressTarget[]) => void;
}
