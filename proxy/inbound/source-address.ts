import { isIP } from 'node:net';
import { canonicalAddress, isLoopback } from '../../common/network/ip-address.ts';

/** Whose address applications see as that of their client. */
export type ClientAddressMode = 'own' | 'preserve';

/** Why it is not called; a label of `hauberk_connections_failed_total`. */
export type SourceRefusal = 'client-address'; // Its client's address cannot be shown to it.

/** From which address the application is called. */
export type SourceAddress =
  /** One of this host's, as the system chooses: it is the client's own, or nothing else was asked for. */
  | { readonly kind: 'own' }
  | { readonly kind: 'client'; readonly address: string }
  /** The application would take the connection for one of this host's. */
  | { readonly kind: 'refused'; readonly reason: SourceRefusal; readonly why: string };

/** Finds it for a connection. */
export type SourceOf = (client: string | undefined, target: string) => SourceAddress;

const OWN: SourceAddress = { kind: 'own' };

/**
 * Decides from which address applications are called. With `preserve` it is the one that the client's connection, or
 * the tunnel of the peer, came from: what the network itself says. Nothing that a client or a peer sends is asked,
 * so that neither can take on an address that it does not have.
 *
 * @param isOwnAddress true for an address of this host
 */
export function createSourceAddresses(
  mode: ClientAddressMode,
  isOwnAddress: (address: string) => boolean,
): SourceOf {
  if (mode === 'own') return () => OWN;
  return (client, target) => {
    const address = canonicalAddress(client ?? '');
    if (address === undefined) {
      return refused(`the address of the client cannot be given on: ${client ?? 'it has left'}`);
    }
    if (isLoopback(address) || isOwnAddress(address)) return OWN;
    if (isIP(address) !== isIP(target)) {
      return refused(`a client at ${address} cannot be shown to an application at ${target}`);
    }
    return { kind: 'client', address };
  };
}

function refused(why: string): SourceAddress {
  return { kind: 'refused', reason: 'client-address', why };
}
