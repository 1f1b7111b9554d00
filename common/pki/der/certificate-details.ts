import type { X509Certificate } from 'node:crypto';
import {
  booleanValue,
  decode,
  objectIdentifierValue,
  octetStringBytes,
  sequenceChildren,
  taggedChildren,
  type DerNode,
} from './der.ts';

/** An extension of a certificate (RFC 5280 section 4.1). */
export interface CertificateExtension {
  readonly critical: boolean;
  /** Parsed on demand: an extension that is not read may be malformed. Throws an Error. */
  readonly value: DerNode;
}

const EXTENSIONS_TAG = 3;
const SUBJECT_POSITION = 5;

/** What of a certificate OpenSSL has parsed, and Node.js does not tell. */
export interface CertificateDetails {
  /** By object identifier. */
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
  /** The relative names of the subject. */
  readonly subject: readonly DerNode[];
}

/** Reads them. Throws an Error when the certificate is not of version 3, or has an extension twice. */
export function certificateDetails(certificate: X509Certificate): CertificateDetails {
  const tbs = sequenceChildren(sequenceChildren(decode(certificate.raw))?.[0]) ?? [];
  const listed = tbs.map((field) => taggedChildren(field, EXTENSIONS_TAG)).find(Boolean);
  const subject = sequenceChildren(tbs[SUBJECT_POSITION]);
  if (subject === undefined) throw new Error('expected a certificate of version 3');
  const extensions = new Map<string, CertificateExtension>();
  for (const node of sequenceChildren(listed?.[0]) ?? []) {
    const [oidNode, ...rest] = sequenceChildren(node) ?? [];
    const oid = objectIdentifierValue(oidNode);
    const value = octetStringBytes(rest.at(-1));
    if (oid === undefined || value === undefined || extensions.has(oid)) {
      throw new Error('expected extensions, each of them once');
    }
    extensions.set(oid, {
      critical: rest.length > 1 && booleanValue(rest[0]) !== false,
      get value() {
        return decode(value);
      },
    });
  }
  return { extensions, subject };
}
