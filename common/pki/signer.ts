import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  decode,
  objectIdentifierValue,
  octetStringBytes,
  sequenceChildren,
  taggedChildren,
  type DerNode,
} from './der.ts';
import { EXTENSION_OIDS } from './extensions.ts';
import { PkiError } from './pki-error.ts';
import type { SignatureAlgorithm } from './signature-algorithm.ts';

/** What a certificate takes from the one who signs it. */
export interface Signer {
  readonly name: DerNode;
  readonly keyId: Uint8Array;
  readonly privateKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
}

/** A certificate authority: a certificate, and what it signs with. */
export interface Authority extends Signer {
  readonly certificate: X509Certificate;
}

/** Positions in a TBSCertificate whose version is written (RFC 5280 section 4.1). */
const SUBJECT_POSITION = 5;
const EXTENSIONS_TAG = 3;

/**
 * How an authority is named in what it signs.
 *
 * @throws PkiError `certificate-malformed` when the certificate has no subjectKeyIdentifier
 */
export function subjectOf(certificate: X509Certificate): Pick<Signer, 'name' | 'keyId'> {
  const tbs = sequenceChildren(sequenceChildren(decode(certificate.raw))?.[0]);
  const name = tbs?.[SUBJECT_POSITION];
  const keyId = subjectKeyIdOf(tbs ?? []);
  if (name === undefined || keyId === undefined) {
    throw new PkiError(
      'certificate-malformed',
      'expected an authority certificate of version 3 with a subjectKeyIdentifier',
    );
  }
  return { name, keyId };
}

function subjectKeyIdOf(tbs: readonly DerNode[]): Uint8Array | undefined {
  const extensions = tbs.map((field) => taggedChildren(field, EXTENSIONS_TAG)).find(Boolean);
  for (const extension of sequenceChildren(extensions?.[0]) ?? []) {
    const [oid, ...rest] = sequenceChildren(extension) ?? [];
    if (objectIdentifierValue(oid) !== EXTENSION_OIDS.subjectKeyIdentifier) continue;
    const value = octetStringBytes(rest.at(-1));
    return value === undefined ? undefined : octetStringBytes(decode(value));
  }
  return undefined;
}
