import path from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../../../common/clock.ts';
import { adminId, controlPlaneId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { ServerIdentity } from '../../../common/rpc/server-credentials.ts';
import {
  callerRootsOf,
  crossSignaturesOf,
  formerRootsOf,
  ownRootsOf,
} from '../authorities/authorities.ts';
import type { CertificateAuthority, Issued } from '../certificate-authority.ts';
import { startSelfRenewal, type SelfRenewal } from './self-renewal.ts';
import { writeFileAtomically } from '../../../common/files/atomic-file.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { generatePrivateKey } from '../../../common/pki/key.ts';

const HOUR_MS = 60 * 60 * 1000;

/** The key never leaves this process, and a restart makes another one. */
export const SERVER_LIFETIME_MS = 24 * HOUR_MS;

/** It is in a file that an operator uses, and is rewritten at half of this and at each start. */
export const ADMIN_LIFETIME_MS = 7 * 24 * HOUR_MS;

/** A sidecar whose clock is behind must be able to enrol right after the first start. */
const BACKDATE_MS = HOUR_MS;

/** What the control plane's own certificates need. */
export interface OwnCertificatesOptions {
  readonly ca: CertificateAuthority;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes the certificate of the gRPC server.
 *
 * @returns what to serve with first, and a function that starts to renew it
 */
export async function openServerCertificate(options: OwnCertificatesOptions): Promise<{
  readonly identity: ServerIdentity;
  readonly keepRenewed: (reload: (identity: ServerIdentity) => Promise<void>) => SelfRenewal;
}> {
  const { ca } = options;
  const make = async (): Promise<ServerIdentity> => {
    const { privateKey, leaf, authorities } = await issueOwnCredential(ca, {
      spiffeId: controlPlaneId(ca.trustDomain),
      lifetimeMs: SERVER_LIFETIME_MS,
    });
    const { issuer, root } = authorities;
    return {
      privateKey,
      // The root goes along: a sidecar that enrols knows only its digest.
      chain: [leaf, issuer.certificate, ...issuer.intermediates, root.certificate],
      crossSignatures: crossSignaturesOf(authorities),
      formerRoots: formerRootsOf(authorities),
      roots: callerRootsOf(authorities),
    };
  };
  return {
    identity: await make(),
    keepRenewed: (reload) =>
      startSelfRenewal({
        ...options,
        name: 'server certificate',
        lifetimeMs: SERVER_LIFETIME_MS,
        renew: async () => reload(await make()),
      }),
  };
}

/**
 * Writes `admin.pem` and `root.pem` into the data directory, now and whenever half of the operator's
 * certificate is over.
 */
export async function keepAdminFile(
  dataDir: string,
  options: OwnCertificatesOptions,
): Promise<SelfRenewal & { readonly path: string }> {
  const { ca } = options;
  const file = path.join(dataDir, 'admin.pem');
  const write = async (): Promise<void> => {
    const credential = await issueOwnCredential(ca, {
      spiffeId: adminId(ca.trustDomain),
      lifetimeMs: ADMIN_LIFETIME_MS,
    });
    await writeAdminFile(file, credential);
    // For tools that want to check the mesh's certificates.
    const roots = toPem(credential.bundle.roots);
    await writeFileAtomically(path.join(dataDir, 'root.pem'), roots, PUBLIC);
  };
  await write();
  const renewal = startSelfRenewal({
    ...options,
    name: 'admin credential',
    lifetimeMs: ADMIN_LIFETIME_MS,
    renew: write,
  });
  return { ...renewal, path: file };
}

/** For the user that runs the control plane alone: every reader is an operator of the mesh. */
const PRIVATE = 0o600;
const PUBLIC = 0o644;

/**
 * Writes an operator's credential into one file, in this order: private key (PKCS #8), leaf, issuers,
 * the roots of the control plane. Everything that an operator's commands need besides the address.
 */
async function writeAdminFile(file: string, credential: OwnCredential): Promise<void> {
  const key = credential.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const roots = ownRootsOf(credential.authorities);
  const certificates = toPem([
    credential.leaf,
    ...credential.issuers,
    ...roots.map(({ certificate }) => certificate),
  ]);
  await writeFileAtomically(file, key + certificates, PRIVATE);
}

/** A certificate that the control plane issues without being asked, with its key. */
interface OwnCredential extends Pick<Issued, 'issuers' | 'authorities' | 'bundle'> {
  readonly privateKey: KeyObject;
  readonly leaf: X509Certificate;
}

/** Makes a key, and a certificate for it that is in the log like every other. */
async function issueOwnCredential(
  ca: CertificateAuthority,
  options: { readonly spiffeId: SpiffeId; readonly lifetimeMs: number },
): Promise<OwnCredential> {
  const privateKey = generatePrivateKey();
  const publicKey = createPublicKey(privateKey);
  const proof = { kind: 'self' } as const;
  const issued = await ca.issue({ ...options, publicKey, proof, backdateMs: BACKDATE_MS });
  // Without conditions a transaction cannot fail.
  if (issued === undefined) throw new TypeError('expected a certificate without conditions');
  return { ...issued, privateKey, leaf: new X509Certificate(issued.leaf) };
}
