import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { secureContextOptions } from '../../common/pki/tls-options.ts';
import { peerRootsOf } from '../../common/pki/trust-bundle.ts';
import type { WorkloadIdentity } from '../identity/source.ts';

/** The options of a handshake with this identity; the full set, as `setSecureContext` needs it. */
export function identityContextOptions(identity: WorkloadIdentity): SecureContextOptions {
  const { privateKey, chain, bundle } = identity;
  return secureContextOptions({ privateKey, chain, roots: peerRootsOf(bundle) });
}

/**
 * The same for a listener, which does not know whose certificate comes: the roots of every trust domain
 * are in it, and `checkPeer` sees to it that each vouches for its own peers alone.
 */
export function acceptingContextOptions(identity: WorkloadIdentity): SecureContextOptions {
  const { privateKey, chain, bundle } = identity;
  const foreign = [...(bundle.federated?.values() ?? [])].flat();
  return secureContextOptions({ privateKey, chain, roots: [...peerRootsOf(bundle), ...foreign] });
}

/** The context of the last identity: to build one per connection costs a third of the handshake rate. */
export class DialContext {
  #made: { readonly identity: WorkloadIdentity; readonly context: SecureContext } | undefined;

  of(identity: WorkloadIdentity): SecureContext {
    if (this.#made?.identity !== identity) {
      this.#made = { identity, context: createSecureContext(identityContextOptions(identity)) };
    }
    return this.#made.context;
  }
}
