import type { Destination } from '../tunnel/authority.ts';

/** What becomes of plaintext that comes in. */
export type InboundMode = 'strict' | 'permissive';

/** Why plaintext is refused; labels of `hauberk_connections_failed_total`. */
export type PlaintextRefusal =
  | 'plaintext' // It came without the mesh.
  | 'own-port' // It leads back to this sidecar.
  | 'wrong-destination'; // It was meant for another host.

/** Whether plaintext is accepted. */
export type PlaintextAdmission =
  { readonly kind: 'admitted' } | { readonly kind: 'refused'; readonly reason: PlaintextRefusal };

/** What the decision is made from. */
export interface PlaintextInput {
  /** Where the connection wanted to go. */
  readonly destination: Destination;
  readonly mode: InboundMode;
  /** Ports that take plaintext also in strict mode: the ones that are published. */
  readonly ingress: readonly number[];
  /** True for a port whose callers are named: it accepts no plaintext. */
  readonly isRestricted: (port: number) => boolean;
  /** True for a port of this sidecar. */
  readonly isOwnPort: (port: number) => boolean;
  /** True for an address of this host. */
  readonly isOwnAddress: (address: string) => boolean;
}

/** Decides whether a connection that came without the mesh may reach the application. */
export function admitPlaintext(input: PlaintextInput): PlaintextAdmission {
  const { destination, mode, ingress, isRestricted, isOwnPort, isOwnAddress } = input;
  const { address, port } = destination;
  // A connection that was made to the listener itself has the listener for its destination.
  if (isOwnPort(port)) return { kind: 'refused', reason: 'own-port' };
  if (!isOwnAddress(address)) return { kind: 'refused', reason: 'wrong-destination' };
  if (ingress.includes(port)) return { kind: 'admitted' };
  if (mode === 'permissive' && !isRestricted(port)) return { kind: 'admitted' };
  return { kind: 'refused', reason: 'plaintext' };
}
