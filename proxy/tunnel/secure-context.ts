import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { secureContextOptions } from '../../common/pki/tls-options.ts';
import { peerRootsOf } from '../../common/pki/trust-bundle.ts';
import type { WorkloadIdentity } from '../identity/source.ts';

/** One context for each identity: to build one per connection costs a third of the handshake rate. */
const contexts = new WeakMap<WorkloadIdentity, SecureContext>();

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

/** The shared context of an identity; it goes when the identity goes. */
export function secureContextOf(identity: WorkloadIdentity): SecureContext {
  const existing = contexts.get(identity);
  if (existing !== undefined) return existing;
  const context = createSecureContext(identityContextOptions(identity));
  contexts.set(identity, context);
  return context;
}
