import { writeFileAtomically } from '../../common/atomic-file.ts';
import { toPem } from '../../common/pki/pem.ts';
import type { OwnCredential } from './own-credential.ts';

/** For the user that runs the control plane alone: whoever reads it is the operator of the mesh. */
const PRIVATE = 0o600;
const PUBLIC = 0o644;

/**
 * Writes an operator's credential into one file, in this order: private key (PKCS #8), leaf, issuer,
 * roots. Everything that `hauberk token`, `status` and `certs` need besides the address.
 */
export async function writeAdminFile(path: string, credential: OwnCredential): Promise<void> {
  const key = credential.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const certificates = toPem([...credential.chain, ...credential.roots]);
  await writeFileAtomically(path, key + certificates, PRIVATE);
}

/** Writes the trust bundle into a file, for tools that want to check the mesh's certificates. */
export async function writeRootFile(path: string, { roots }: OwnCredential): Promise<void> {
  await writeFileAtomically(path, toPem(roots), PUBLIC);
}
