import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { buildCertificate, subjectKeyOf, type SubjectKey } from './der/certificate-builder.ts';
import { authorityName } from './der/distinguished-name.ts';
import { authorityExtensions } from './der/extensions.ts';
import { generatePrivateKey } from './key.ts';
import { AUTHORITY_BACKDATE_MS, ISSUER_LIFETIME_MS, ROOT_LIFETIME_MS } from './lifetimes.ts';
import { PkiError } from './pki-error.ts';
import { serialOf } from './revocation.ts';
import { algorithmOfKey } from './der/signature-algorithm.ts';
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
  const { nowMs, lifetimeMs = ROOT_LIFETIME_MS } = options;
  const signer = createSigner(options, 'root');
  return { ...signer, certificate: certify(signer, signer, options, nowMs + lifetimeMs) };
}

/**
 * Makes an issuer (an intermediate that can issue leaves only) with a new P-256 key. It never outlives
 * its root.
 *
 * @throws PkiError `authority-expired` when the root has expired
 */
export function createIssuer(root: Authority, options: AuthorityOptions): Authority {
  const { nowMs, lifetimeMs = ISSUER_LIFETIME_MS } = options;
  const signer = createSigner(options, 'issuer');
  const notAfterMs = clampToAuthority(root, nowMs, lifetimeMs);
  const certificate = certify(root, { ...signer, pathLength: 0 }, options, notAfterMs);
  return { ...signer, certificate };
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
  options: AuthorityOptions,
): X509Certificate {
  const { nowMs, lifetimeMs = ROOT_LIFETIME_MS } = options;
  const notAfterMs = [root, { certificate: other }].map((one) =>
    clampToAuthority(one, nowMs, lifetimeMs),
  );
  const { spki } = subjectKeyOf(other.publicKey);
  return certify(root, { ...subjectOf(other), spki }, options, Math.min(...notAfterMs));
}

/**
 * Takes up an authority again from what was stored.
 *
 * @throws PkiError `key-mismatch` when the key does not belong to the certificate,
 *   `certificate-malformed` when the certificate is not one of an authority
 */
export function openAuthority(certificate: X509Certificate, privateKey: KeyObject): Authority {
  if (!certificate.ca) {
    const sentence = 'expected a certificate of an authority, got a leaf';
    throw new PkiError('certificate-malformed', sentence);
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    const message = `expected the private key of the certificate with serial ${serialOf(certificate)}, got another key`;
    throw new PkiError('key-mismatch', message);
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
    const sentence = `the authority with serial ${serialOf(authority.certificate)} expired at ${new Date(authorityEndMs).toISOString()}`;
    const hint = 'make a new one before issuing more certificates';
    throw new PkiError('authority-expired', sentence, { hint });
  }
  return Math.min(nowMs + lifetimeMs, authorityEndMs);
}

type Subject = Pick<Signer, 'name' | 'keyId'> &
  Pick<SubjectKey, 'spki'> & { readonly pathLength?: number };

function createSigner(
  { trustDomain }: AuthorityOptions,
  role: 'root' | 'issuer',
): Signer & Subject {
  const privateKey = generatePrivateKey();
  const subjectKey = subjectKeyOf(createPublicKey(privateKey));
  const name = authorityName(trustDomain, role, subjectKey);
  return { name, ...subjectKey, privateKey, algorithm: algorithmOfKey(privateKey) };
}

function certify(
  signer: Signer,
  { name, keyId, spki, pathLength }: Subject,
  { trustDomain, nowMs }: AuthorityOptions,
  notAfterMs: number,
): X509Certificate {
  const { der } = buildCertificate({
    signer,
    subject: name,
    spki,
    validity: { notBeforeMs: nowMs - AUTHORITY_BACKDATE_MS, notAfterMs },
    extensions: authorityExtensions({ trustDomain, keyId, pathLength, signerKeyId: signer.keyId }),
  });
  return new X509Certificate(der);
}
