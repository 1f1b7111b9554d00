import ipaddr from 'ipaddr.js';
import {
  bitString,
  booleanTrue,
  encode,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  taggedBytes,
  type DerNode,
} from './der.ts';

/** OBJECT IDENTIFIERs of RFC 5280 section 4.2.1. */
export const EXTENSION_OIDS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
} as const;

const SERVER_AUTH_OID = '1.3.6.1.5.5.7.3.1';
const EXTENSION_REQUEST_OID = '1.2.840.113549.1.9.14';
const CLIENT_AUTH_OID = '1.3.6.1.5.5.7.3.2';

/** A name in a subjectAltName (RFC 5280 section 4.2.1.6). */
export interface AltName {
  readonly kind: 'uri' | 'dns' | 'ip';
  /** The text; an address in its usual notation. */
  readonly value: string;
}

/** basicConstraints of an authority; a path length of 0 lets it issue leaves only. */
export function authorityConstraints(pathLength?: number): DerNode {
  const limit = pathLength === undefined ? [] : [integer(Uint8Array.of(pathLength))];
  return critical(EXTENSION_OIDS.basicConstraints, sequence(booleanTrue(), ...limit));
}

/**
 * What an authority needs (RFC 5280 section 4.2.1). Its SPIFFE ID is its trust domain's, without a path
 * (X509-SVID section 4).
 */
export function authorityExtensions(authority: {
  readonly trustDomain: string;
  readonly keyId: Uint8Array;
  readonly pathLength?: number | undefined;
  /** Undefined in a request, whose signer is not known yet. */
  readonly signerKeyId?: Uint8Array;
}): DerNode[] {
  const { trustDomain, keyId, pathLength, signerKeyId } = authority;
  return [
    authorityConstraints(pathLength),
    // keyCertSign and cRLSign.
    critical(EXTENSION_OIDS.keyUsage, bitString(Uint8Array.of(0b0000_0110), 1)),
    subjectKeyIdentifier(keyId),
    ...(signerKeyId === undefined ? [] : [authorityKeyIdentifier(signerKeyId)]),
    subjectAltName([{ kind: 'uri', value: `spiffe://${trustDomain}` }]),
  ];
}

/** basicConstraints of a leaf: it is no authority. */
export function leafConstraints(): DerNode {
  return critical(EXTENSION_OIDS.basicConstraints, sequence());
}

/** keyUsage of a leaf: digitalSignature, all that TLS 1.3 needs. */
export function leafKeyUsage(): DerNode {
  return critical(EXTENSION_OIDS.keyUsage, bitString(Uint8Array.of(0b1000_0000), 7));
}

/** extKeyUsage of a leaf: every workload is both a server and a client. */
export function leafExtKeyUsage(): DerNode {
  const purposes = sequence(objectIdentifier(SERVER_AUTH_OID), objectIdentifier(CLIENT_AUTH_OID));
  return extension(EXTENSION_OIDS.extKeyUsage, purposes);
}

/** subjectKeyIdentifier. */
export function subjectKeyIdentifier(keyId: Uint8Array): DerNode {
  return extension(EXTENSION_OIDS.subjectKeyIdentifier, octetString(keyId));
}

/** authorityKeyIdentifier with the key identifier only. */
export function authorityKeyIdentifier(keyId: Uint8Array): DerNode {
  return extension(EXTENSION_OIDS.authorityKeyIdentifier, sequence(taggedBytes(0, keyId)));
}

/** subjectAltName; not critical, because our subjects are never empty. */
export function subjectAltName(names: readonly AltName[]): DerNode {
  return extension(EXTENSION_OIDS.subjectAltName, sequence(...names.map(generalName)));
}

/** The attribute of a request that asks for extensions (RFC 2985 section 5.4.2). */
export function extensionRequest(...extensions: readonly DerNode[]): DerNode {
  return sequence(objectIdentifier(EXTENSION_REQUEST_OID), set(sequence(...extensions)));
}

function generalName({ kind, value }: AltName): DerNode {
  switch (kind) {
    case 'dns':
      return taggedBytes(2, Buffer.from(value, 'latin1'));
    case 'uri':
      return taggedBytes(6, Buffer.from(value, 'latin1'));
    case 'ip':
      return taggedBytes(7, Uint8Array.from(ipaddr.parse(value).toByteArray()));
  }
}

/** An extension that a verifier may ignore when it does not know it. */
export function extension(oid: string, value: DerNode): DerNode {
  return sequence(objectIdentifier(oid), octetString(encode(value)));
}

/** An extension that a verifier must not ignore. */
export function critical(oid: string, value: DerNode): DerNode {
  return sequence(objectIdentifier(oid), booleanTrue(), octetString(encode(value)));
}
