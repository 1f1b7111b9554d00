import type { PathFault } from '../../../common/pki/path/verified-path.ts';
import type { Refusal } from '../../../common/rpc/rpc-error.ts';
import type { DatedCertificate, DatedCertificates } from './dated-certificates.ts';
import type { PeerCredentials } from '../clients/peer-credentials.ts';

/** A leaf with a name of the mesh that nobody should believe, below a root that everybody does. */
export interface OddPath {
  /** What is different about each authority, from the one below the root down. */
  readonly authorities?: readonly Partial<DatedCertificate>[];
  readonly leaf?: Partial<DatedCertificate>;
  /** What our own verification says of it, valid or expired. */
  readonly fault: PathFault;
  /** What a port says of it while it is valid: TLS does not refuse everything. */
  /** OpenSSL tells it after the date, so that it is not hidden when the leaf has expired. */
  readonly afterDate?: true;
  readonly whileValid: 'untrusted' | 'expired' | 'not-yet-valid' | 'signing-certificate';
}

const HOUR = 3_600;
const DAY = 24 * HOUR;

const AUTHORITY: DatedCertificate = {
  extensions: [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
  ],
  from: -DAY,
  until: DAY,
};

const authority = (...extensions: readonly string[]): Partial<DatedCertificate> => ({
  extensions: replaced(AUTHORITY.extensions, extensions),
});

const LEAF = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=serverAuth,clientAuth',
  'subjectKeyIdentifier=hash',
  'authorityKeyIdentifier=keyid',
];

const leaf = (...extensions: readonly string[]): Partial<DatedCertificate> => ({
  extensions: replaced(LEAF, extensions),
});

/** What each of them is wrong with. */
export const ODD_PATHS: Readonly<Record<string, OddPath>> = {
  'an authority for code signing': {
    authorities: [authority('extendedKeyUsage=codeSigning')],
    fault: 'purpose',
    whileValid: 'untrusted',
  },
  'an authority for servers only': {
    authorities: [authority('extendedKeyUsage=serverAuth')],
    fault: 'purpose',
    whileValid: 'untrusted',
  },
  'an authority past the path length of the one above it': {
    authorities: [authority('basicConstraints=critical,CA:TRUE,pathlen:0'), authority()],
    fault: 'path-too-long',
    whileValid: 'untrusted',
  },
  'an authority that has expired': {
    authorities: [{ until: -HOUR / 2 }],
    fault: 'authority-not-valid',
    whileValid: 'expired',
  },
  'an authority that was not valid yet': {
    authorities: [{ from: HOUR / 4 }],
    fault: 'authority-not-valid',
    whileValid: 'not-yet-valid',
  },
  'an authority with a critical extension that nobody knows': {
    authorities: [authority('1.2.3.4.5=critical,ASN1:NULL')],
    fault: 'unknown-critical-extension',
    whileValid: 'untrusted',
  },
  'an authority for another trust domain': {
    authorities: [authority('nameConstraints=critical,permitted;URI:other.mesh')],
    fault: 'names-not-permitted',
    afterDate: true,
    whileValid: 'untrusted',
  },
  'an authority without keyCertSign': {
    authorities: [authority('keyUsage=critical,digitalSignature')],
    fault: 'not-an-authority',
    whileValid: 'untrusted',
  },
  'an authority that is a leaf': {
    authorities: [authority('basicConstraints=critical,CA:FALSE')],
    fault: 'not-an-authority',
    whileValid: 'untrusted',
  },
  'an authority below a leaf': {
    authorities: [authority('basicConstraints=critical,CA:FALSE'), authority()],
    fault: 'not-an-authority',
    whileValid: 'untrusted',
  },
  'a leaf for code signing': {
    leaf: leaf('extendedKeyUsage=codeSigning'),
    fault: 'purpose',
    whileValid: 'untrusted',
  },
  'a leaf for servers only': {
    leaf: leaf('extendedKeyUsage=serverAuth'),
    fault: 'purpose',
    whileValid: 'untrusted',
  },
  'a leaf with a critical extension that nobody knows': {
    leaf: leaf('1.2.3.4.5=critical,ASN1:NULL'),
    fault: 'unknown-critical-extension',
    whileValid: 'untrusted',
  },
  'a leaf with keyCertSign': {
    leaf: leaf('keyUsage=critical,digitalSignature,keyCertSign'),
    fault: 'leaf-may-sign',
    whileValid: 'signing-certificate',
  },
  'a leaf with cRLSign': {
    leaf: leaf('keyUsage=critical,digitalSignature,cRLSign'),
    fault: 'leaf-may-sign',
    whileValid: 'signing-certificate',
  },
  'a leaf with CA:TRUE': {
    leaf: leaf('basicConstraints=critical,CA:TRUE'),
    fault: 'leaf-may-sign',
    whileValid: 'signing-certificate',
  },
  'a leaf that is an authority in full': {
    leaf: leaf(
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,digitalSignature,keyCertSign',
    ),
    fault: 'leaf-may-sign',
    whileValid: 'signing-certificate',
  },
};

/** What OpenSSL does not even show at the level that it has by default. */
export const WEAK_PATHS: Readonly<Record<string, OddPath>> = {
  'an authority with a small key': {
    authorities: [{ key: ['-newkey', 'rsa:1024'] }],
    fault: 'weak-signature',
    whileValid: 'untrusted',
  },
  'an authority that was signed with SHA-1': {
    authorities: [{ digest: 'sha1' }],
    fault: 'weak-signature',
    whileValid: 'untrusted',
  },
  'a leaf that was signed with SHA-1': {
    leaf: { digest: 'sha1' },
    fault: 'weak-signature',
    whileValid: 'untrusted',
  },
};

/** The reason of the control plane for a valid one. */
export function refusalWhileValid({ whileValid }: OddPath): Refusal {
  if (whileValid === 'expired') return 'certificate-expired';
  return whileValid === 'signing-certificate' ? whileValid : 'certificate-untrusted';
}

/** What the control plane says when its leaf has expired: who is not in the log is not looked at further. */
export function refusalOnceExpired({ whileValid, afterDate }: OddPath): Refusal {
  if (afterDate) return 'certificate-untrusted';
  return whileValid === 'signing-certificate' ? whileValid : 'certificate-expired';
}

/** A root, and an issuer for the mesh below it. */
export async function makeRoot(certificates: DatedCertificates): Promise<void> {
  const extensions = AUTHORITY.extensions.slice(0, 3);
  await certificates.make('root', { extensions, from: -2 * DAY, until: 2 * DAY });
  const constraints = 'basicConstraints=critical,CA:TRUE,pathlen:0';
  const name = 'subjectAltName=URI:spiffe://mesh.local';
  await certificates.make('issuer', {
    ...AUTHORITY,
    ...authority(constraints, name),
    signer: 'root',
  });
}

/** Makes an odd leaf below that root; without any oddness a good one. */
export async function makeOddPath(
  certificates: DatedCertificates,
  { authorities = [{}], leaf: oddLeaf = {} }: Pick<OddPath, 'authorities' | 'leaf'>,
  { uri, isExpired }: { readonly uri: string; readonly isExpired: boolean },
): Promise<PeerCredentials> {
  const above: string[] = [];
  for (const [at, odd] of authorities.entries()) {
    const name = `authority-${at}`;
    await certificates.make(name, { ...AUTHORITY, signer: above[0] ?? 'root', ...odd });
    above.unshift(name);
  }
  const { extensions = LEAF, ...rest } = oddLeaf;
  await certificates.make('leaf', {
    from: -HOUR,
    until: isExpired ? -120 : HOUR,
    signer: above[0] ?? 'root',
    ...rest,
    extensions: [...extensions, `subjectAltName=URI:${uri}`],
  });
  return certificates.credentials('leaf', ...above);
}

/** With these lines, instead of those for the same extensions. */
function replaced(lines: readonly string[], by: readonly string[]): readonly string[] {
  const nameOf = (line: string): string | undefined => line.split('=')[0];
  const names = new Set(by.map(nameOf));
  return [...lines.filter((line) => !names.has(nameOf(line))), ...by];
}
