import { X509Certificate } from 'node:crypto';
import type { TrustBundle as BundleMessage } from '../../proto/gen/hauberk/v1/identity.ts';
import { translating } from '../errors.ts';
import { certificateName } from '../pki/certificate-name.ts';
import { isSelfSigned } from '../pki/issued-by.ts';
import type { TrustBundle } from '../pki/trust-bundle.ts';
import { RpcError } from '../rpc/rpc-error.ts';

/** The bundle in the form that travels. */
export function toBundleMessage(bundle: TrustBundle): BundleMessage {
  const { trustDomain, version, roots, withdrawn = [], added = [] } = bundle;
  return {
    trustDomain,
    version,
    roots: roots.map(({ raw }) => raw),
    withdrawn: withdrawn.map(({ raw }) => raw),
    added: added.map(({ raw }) => raw),
  };
}

/**
 * Reads a bundle that came over a connection to the control plane.
 *
 * @throws RpcError `protocol` when it has no roots, or one that is not a self-signed CA certificate;
 *   `wrong-trust-domain` when it is not that of the mesh
 */
export function readBundle(message: BundleMessage, trustDomain: string): TrustBundle {
  if (message.trustDomain !== trustDomain) {
    const sentence = `expected the trust bundle of ${trustDomain}, got that of ${JSON.stringify(message.trustDomain)}`;
    const hint = 'give the sidecar the trust domain of its control plane';
    throw new RpcError('wrong-trust-domain', sentence, { hint });
  }
  if (message.roots.length === 0) {
    throw new RpcError('protocol', 'expected a trust bundle with at least one root, got none');
  }
  const { version, roots, withdrawn, added } = message;
  return {
    trustDomain,
    version,
    roots: roots.map(root),
    ...(withdrawn.length === 0 ? {} : { withdrawn: withdrawn.map(root) }),
    ...(added.length === 0 ? {} : { added: added.map(root) }),
  };
}

function root(der: Buffer): X509Certificate {
  const certificate = translating(
    () => new X509Certificate(der),
    (cause) => new RpcError('protocol', 'expected roots in DER, got something else', { cause }),
  );
  if (!certificate.ca || !isSelfSigned(certificate)) {
    throw new RpcError('protocol', `expected a root, got ${certificateName(certificate)}`);
  }
  return certificate;
}
