import { writeFileAtomically } from '../../../common/atomic-file.ts';
import { toPem } from '../../../common/pki/pem.ts';
import type { OwnCredential } from './credential.ts';

/** For the user that runs the control plane alone: every reader is an operator of the mesh. */
const PRIVATE = 0o600;
const PUBLIC = 0o644;

/**
 * Writes an operator's credential into one file, in this order: private key (PKCS #8), leaf, issuers,
 * the roots of the control plane. Everything that an operator's commands need besides the address.
 */
export async function writeAdminFile(path: string, credential: OwnCredential): Promise<void> {
  const key = credential.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const { root, rotation } = credential.authorities;
  const roots = rotation === undefined ? [root] : [root, rotation.other.root];
  const certificates = toPem([...credential.chain, ...roots.map(({ certificate }) => certificate)]);
  await writeFileAtomically(path, key + certificates, PRIVATE);
}

/** Writes the trust bundle into a file, for tools that want to check the mesh's certificates. */
export async function writeRootFile(path: string, { bundle }: OwnCredential): Promise<void> {
  await writeFileAtomically(path, toPem(bundle.roots), PUBLIC);
}
