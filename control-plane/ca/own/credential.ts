import { createPublicKey, type KeyObject } from 'node:crypto';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import type { SpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { CertificateAuthority, Issued } from '../certificate-authority.ts';

/** A certificate that the control plane issues without being asked, with its key. */
export interface OwnCredential extends Pick<Issued, 'chain' | 'authorities' | 'bundle'> {
  readonly privateKey: KeyObject;
}

/** What to issue. */
export interface OwnCredentialOptions {
  readonly spiffeId: SpiffeId;
  readonly lifetimeMs: number;
  readonly backdateMs: number;
}

/** Makes a key, and a certificate for it that is in the log like every other. */
export async function issueOwnCredential(
  ca: CertificateAuthority,
  options: OwnCredentialOptions,
): Promise<OwnCredential> {
  const privateKey = generatePrivateKey();
  const publicKey = createPublicKey(privateKey);
  const issued = await ca.issue({ ...options, publicKey, proof: { kind: 'self' } });
  // Without conditions a transaction cannot fail.
  if (issued === undefined) throw new TypeError('expected a certificate without conditions');
  return { privateKey, ...issued };
}
