import { createPublicKey, X509Certificate } from 'node:crypto';
import type { Authority } from '../../../common/pki/authority.ts';
import { buildCertificate, subjectKeyOf } from '../../../common/pki/der/certificate-builder.ts';
import {
  bitString,
  sequence,
  tagged,
  taggedBytes,
  type DerNode,
} from '../../../common/pki/der/der.ts';
import {
  distinguishedName,
  type DistinguishedName,
} from '../../../common/pki/der/distinguished-name.ts';
import {
  authorityConstraints,
  authorityKeyIdentifier,
  EXTENSION_OIDS,
  extension,
  leafConstraints,
  leafExtKeyUsage,
  leafKeyUsage,
  critical,
  subjectKeyIdentifier,
} from '../../../common/pki/der/extensions.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import type { TestWorkload } from '../mesh/test-authority.ts';

/** Names of a subjectAltName with any bytes in them: one character a byte. */
export const oddName = {
  email: (value: string): DerNode => taggedBytes(1, Buffer.from(value, 'latin1')),
  dns: (value: string): DerNode => taggedBytes(2, Buffer.from(value, 'latin1')),
  directory: (name: DistinguishedName): DerNode => tagged(4, distinguishedName(name)),
  uri: (value: string): DerNode => taggedBytes(6, Buffer.from(value, 'latin1')),
  ip: (...bytes: number[]): DerNode => taggedBytes(7, Uint8Array.from(bytes)),
};

/** What a certificate has that none of ours would have. */
export interface OddContents {
  /** The names, in this order; without any there is no subjectAltName. */
  readonly altNames: readonly DerNode[];
  readonly commonName?: string;
  /** Claims to be an authority. */
  readonly authority?: boolean;
  /** A keyUsage besides digitalSignature. */
  readonly mayAlso?: 'keyCertSign' | 'cRLSign';
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** Signs a certificate that `issueLeaf` would never make, for the tests of those who must refuse it. */
export function oddCertificate(
  issuer: Authority,
  contents: OddContents,
): Omit<TestWorkload, 'spiffeId'> {
  const { altNames, commonName = 'odd', authority = false, mayAlso } = contents;
  const { notBeforeMs = Date.now() - 60_000, notAfterMs = Date.now() + 3_600_000 } = contents;
  const privateKey = generatePrivateKey();
  const subjectKey = subjectKeyOf(createPublicKey(privateKey));
  const names = extension(EXTENSION_OIDS.subjectAltName, sequence(...altNames));
  const { der } = buildCertificate({
    signer: issuer,
    subject: distinguishedName({ organization: 'odd', commonName }),
    spki: subjectKey.spki,
    validity: { notBeforeMs, notAfterMs },
    extensions: [
      authority ? authorityConstraints() : leafConstraints(),
      mayAlso === undefined ? leafKeyUsage() : oddKeyUsage(mayAlso),
      leafExtKeyUsage(),
      subjectKeyIdentifier(subjectKey.keyId),
      authorityKeyIdentifier(issuer.keyId),
      ...(altNames.length === 0 ? [] : [names]),
    ],
  });
  const leaf = new X509Certificate(der);
  return { privateKey, leaf, chain: [leaf, issuer.certificate] };
}

function oddKeyUsage(also: 'keyCertSign' | 'cRLSign'): DerNode {
  const [bits, unused] = also === 'keyCertSign' ? [0b1000_0100, 2] : [0b1000_0010, 1];
  return critical(EXTENSION_OIDS.keyUsage, bitString(Uint8Array.of(bits), unused));
}
