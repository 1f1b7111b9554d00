import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { buildCertificate, subjectKeyOf, type SubjectKey } from './certificate-builder.ts';
import { distinguishedName } from './distinguished-name.ts';
import {
  authorityConstraints,
  authorityKeyIdentifier,
  authorityKeyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import type { DerNode } from './der.ts';
import { generatePrivateKey } from './key.ts';
import { AUTHORITY_BACKDATE_MS, ISSUER_LIFETIME_MS, ROOT_LIFETIME_MS } from './lifetimes.ts';
import { PkiError } from './pki-error.ts';
import { algorithmOfKey } from './signature-algorithm.ts';
import { subjectOf, type Authority, type Signer } from './signer.ts';

export type { Authority } from './signer.ts';

/** What to make an authority for. */
export interface AuthorityOptions {
  readonly trustDomain: string;
  /** Now, in milliseconds since the epoch; the lifetime counts from here. */
  readonly nowMs: number;
  readonly lifetimeMs?: number;
}

/** Makes a self-signed root with a new P-256 key. */
export function createRoot(options: AuthorityOptions): Authority {
  const { trustDomain, nowMs, lifetimeMs = ROOT_LIFETIME_MS } = options;
  const privateKey = generatePrivateKey();
  const subjectKey = subjectKeyOf(createPublicKey(privateKey));
  const name = authorityName(trustDomain, 'root', subjectKey);
  const signer: Signer = {
    name,
    keyId: subjectKey.keyId,
    privateKey,
    algorithm: algorithmOfKey(privateKey),
  };
  const certificate = buildCertificate({
    signer,
    subject: name,
    subjectKey,
    validity: { notBeforeMs: nowMs - AUTHORITY_BACKDATE_MS, notAfterMs: nowMs + lifetimeMs },
    extensions: authorityExtensions({ trustDomain, subjectKey, signer }),
  });
  return { ...signer, certificate };
}

/**
 * Makes an issuer (an intermediate that can issue leaves only) with a new P-256 key. It never outlives
 * its root.
 *
 * @throws PkiError `authority-expired` when the root has expired
 */
export function createIssuer(root: Authority, options: AuthorityOptions): Authority {
  const { trustDomain, nowMs, lifetimeMs = ISSUER_LIFETIME_MS } = options;
  const privateKey = generatePrivateKey();
  const subjectKey = subjectKeyOf(createPublicKey(privateKey));
  const name = authorityName(trustDomain, 'issuer', subjectKey);
  const certificate = buildCertificate({
    signer: root,
    subject: name,
    subjectKey,
    validity: {
      notBeforeMs: nowMs - AUTHORITY_BACKDATE_MS,
      notAfterMs: clampToAuthority(root, nowMs, lifetimeMs),
    },
    extensions: authorityExtensions({ trustDomain, subjectKey, signer: root, pathLength: 0 }),
  });
  const { keyId } = subjectKey;
  return { certificate, privateKey, name, keyId, algorithm: algorithmOfKey(privateKey) };
}

/**
 * One root vouches for another: a certificate with name, key and key identifier of the other root,
 * signed by this one. Who trusts only this root can verify what the other one signed, when the
 * certificate comes along. It ends with the root that ends first.
 *
 * @throws PkiError `authority-expired` when one of the roots has expired
 */
export function crossSign(
  root: Authority,
  other: X509Certificate,
  { trustDomain, nowMs, lifetimeMs = ROOT_LIFETIME_MS }: AuthorityOptions,
): X509Certificate {
  const subjectKey = subjectKeyOf(other.publicKey);
  const { name, keyId } = subjectOf(other);
  return buildCertificate({
    signer: root,
    subject: name,
    subjectKey: { ...subjectKey, keyId: Buffer.from(keyId) },
    validity: {
      notBeforeMs: nowMs - AUTHORITY_BACKDATE_MS,
      notAfterMs: Math.min(
        clampToAuthority(root, nowMs, lifetimeMs),
        clampToAuthority({ certificate: other }, nowMs, lifetimeMs),
      ),
    },
    extensions: [
      authorityConstraints(),
      authorityKeyUsage(),
      subjectKeyIdentifier(keyId),
      authorityKeyIdentifier(root.keyId),
      subjectAltName([{ kind: 'uri', value: `spiffe://${trustDomain}` }]),
    ],
  });
}

/**
 * Takes up an authority again from what was stored.
 *
 * @throws PkiError `key-mismatch` when the key does not belong to the certificate,
 *   `certificate-malformed` when the certificate is not one of an authority
 */
export function openAuthority(certificate: X509Certificate, privateKey: KeyObject): Authority {
  if (!certificate.ca) {
    throw new PkiError(
      'certificate-malformed',
      'expected a certificate of an authority, got a leaf',
    );
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new PkiError(
      'key-mismatch',
      `expected the private key of the certificate with serial ${certificate.serialNumber.toLowerCase()}, got another key`,
    );
  }
  const algorithm = algorithmOfKey(privateKey);
  return { certificate, privateKey, algorithm, ...subjectOf(certificate) };
}

/**
 * When something that an authority signs ends: after its lifetime, or with the authority.
 *
 * @throws PkiError `authority-expired` when nothing is left
 */
export function clampToAuthority(
  authority: Pick<Authority, 'certificate'>,
  nowMs: number,
  lifetimeMs: number,
): number {
  const authorityEndMs = authority.certificate.validToDate.getTime();
  if (authorityEndMs <= nowMs) {
    throw new PkiError(
      'authority-expired',
      `the authority with serial ${authority.certificate.serialNumber.toLowerCase()} expired at ${new Date(authorityEndMs).toISOString()}`,
      { hint: 'make a new one before issuing more certificates' },
    );
  }
  return Math.min(nowMs + lifetimeMs, authorityEndMs);
}

/** Part of the key's identifier keeps the names of successive authorities apart. */
function authorityName(trustDomain: string, role: string, { keyId }: SubjectKey): DerNode {
  const commonName = `Hauberk ${role} ${keyId.toString('hex', 0, 4)}`;
  return distinguishedName({ organization: trustDomain, commonName });
}

interface AuthorityProfile {
  readonly trustDomain: string;
  readonly subjectKey: SubjectKey;
  readonly signer: Signer;
  readonly pathLength?: number;
}

/** X509-SVID section 4: a signing certificate's SPIFFE ID is its trust domain's, without a path. */
function authorityExtensions(profile: AuthorityProfile): DerNode[] {
  const { trustDomain, subjectKey, signer, pathLength } = profile;
  return [
    authorityConstraints(pathLength),
    authorityKeyUsage(),
    subjectKeyIdentifier(subjectKey.keyId),
    authorityKeyIdentifier(signer.keyId),
    subjectAltName([{ kind: 'uri', value: `spiffe://${trustDomain}` }]),
  ];
}
