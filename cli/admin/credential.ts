import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '../../common/config/config-error.ts';
import { systemErrorCode, systemReason } from '../../common/errors.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';

/** What an operator shows to the control plane, and what it must show in turn. */
export interface AdminCredential {
  readonly privateKey: KeyObject;
  /** Leaf first, without the root. */
  readonly chain: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
  /** The mesh's, as the leaf names it. */
  readonly trustDomain: string;
}

const BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g;

/** Others may not read or write the file. */
const MODE_OF_OTHERS = 0o077;

/**
 * Reads the file that the control plane writes at its first start: private key, leaf, issuers and
 * roots in PEM, for its owner alone.
 *
 * @throws ConfigError when it is missing, open to others, or not such a file
 */
export function readAdminCredential(path: string): AdminCredential {
  return parseAdminCredential(readPrivateFile(path), path);
}

/**
 * Reads the text of such a file.
 *
 * @param source where it came from, for the error
 * @throws ConfigError `file-malformed`
 */
export function parseAdminCredential(pem: string, source: string): AdminCredential {
  try {
    const blocks = [...pem.matchAll(BLOCK)];
    const of = (kind: RegExp): string[] =>
      blocks.filter(([, label = '']) => kind.test(label)).map(([block]) => block);
    const [key = ''] = of(/PRIVATE KEY$/);
    const certificates = of(/^CERTIFICATE$/).map((block) => new X509Certificate(block));
    const roots = certificates.filter((certificate) => certificate.checkIssued(certificate));
    const chain = certificates.filter((certificate) => !roots.includes(certificate));
    const [leaf] = chain;
    if (leaf === undefined || roots.length === 0) throw new Error('certificates are missing');
    const privateKey = createPrivateKey(key);
    if (!leaf.checkPrivateKey(privateKey))
      throw new Error('the key does not match the certificate');
    return { privateKey, chain, roots, trustDomain: peerSpiffeId(leaf).trustDomain };
  } catch (cause) {
    throw new ConfigError('file-malformed', `${source} is not an admin credential of Hauberk`, {
      hint: 'give the admin.pem from the data folder of the control plane with --admin FILE',
      cause,
    });
  }
}

function readPrivateFile(path: string): string {
  try {
    const { mode } = statSync(path);
    if ((mode & MODE_OF_OTHERS) !== 0) {
      throw new ConfigError(
        'file-unreadable',
        `other users may read the admin credential ${path}`,
        {
          hint: `run chmod 600 ${path}`,
        },
      );
    }
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const missing = systemErrorCode(cause) === 'ENOENT';
    throw new ConfigError(
      missing ? 'file-missing' : 'file-unreadable',
      missing
        ? `there is no admin credential at ${path}`
        : `the admin credential ${path} cannot be read: ${systemReason(cause)}`,
      {
        hint: 'run this on the host of the control plane, as its user, or give --admin FILE',
        cause,
      },
    );
  }
}
