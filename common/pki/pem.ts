import { X509Certificate } from 'node:crypto';
import { translating } from '../errors.ts';
import { PkiError } from './pki-error.ts';

/** Leaf, issuer and a root or two are usual; a few more leave room for foreign authorities. */
const MAX_CERTIFICATES = 32;
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----[A-Za-z0-9+/=\s]*-----END \1-----/g;

/** Certificates as PEM (RFC 7468), in the order given, each ending in a newline. */
export function toPem(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

/**
 * Reads the certificates of a PEM file, in their order. Text between the blocks is allowed.
 *
 * @throws PkiError `certificate-malformed` when there is none, too many, a block that is not a
 *   certificate (a private key in the wrong file), or one that OpenSSL cannot read
 */
export function parsePemChain(pem: string): X509Certificate[] {
  const blocks = [...pem.matchAll(BLOCK)];
  const begun = pem.split('-----BEGIN ').length - 1;
  if (blocks.length === 0 || blocks.length !== begun || blocks.length > MAX_CERTIFICATES) {
    throw malformed(
      `expected 1 to ${MAX_CERTIFICATES} whole PEM certificates, got ${blocks.length} whole and ${begun - blocks.length} broken blocks`,
    );
  }
  return blocks.map(([block, label], index) => {
    if (label !== 'CERTIFICATE') {
      throw malformed(`expected only certificates in the PEM text, got a block ${label ?? ''}`);
    }
    return translating(
      () => new X509Certificate(block),
      (cause) =>
        malformed(`expected a certificate in PEM block ${index + 1}, got other bytes`, cause),
    );
  });
}

function malformed(message: string, cause?: unknown): PkiError {
  return new PkiError('certificate-malformed', message, { cause });
}
