import type { X509Certificate } from 'node:crypto';
import { translating } from '../errors.ts';
import { PkiError } from './pki-error.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';
import { certificateDetails } from './der/certificate-details.ts';
import { keyUsageOf } from './path/key-usage.ts';

/**
 * Who a peer is by its certificate, which the caller has verified against the trust bundle.
 *
 * Node gives the names as one text, `DNS:web, URI:spiffe://...`. A value with a comma, a quote or a
 * control character is written as a quoted string with escapes, `DNS:"x\u002c URI:spiffe://..."`, so
 * that no value can hold the separator. A quoted URI is therefore never one of ours.
 *
 * @throws PkiError `san-missing` without a URI, `san-multiple` with more than one (X509-SVID section 2),
 *   `spiffe-id` when it is not of the one form that we accept, `signing-certificate`
 */
export function peerSpiffeId(certificate: X509Certificate): SpiffeId {
  requireLeaf(certificate);
  const names = certificate.subjectAltName?.split(', ') ?? [];
  const uris = names.filter((name) => name.startsWith('URI:')).map((name) => name.slice(4));
  const [uri] = uris;
  if (uri === undefined) {
    const sentence =
      'expected a certificate with a SPIFFE ID in its subjectAltName, got one without a URI';
    throw new PkiError('san-missing', sentence);
  }
  if (uris.length > 1) {
    const sentence = `expected a certificate with exactly one URI in its subjectAltName, got ${uris.length}`;
    throw new PkiError('san-multiple', sentence);
  }
  return parseSpiffeId(uri);
}

/**
 * Refuses a leaf that may sign certificates or revocation lists: an identity must never come from a
 * signing certificate (X509-SVID section 5.2), which TLS accepts as a client or a server nevertheless.
 *
 * @throws PkiError `signing-certificate`, also for a certificate whose extensions cannot be read
 */
export function requireLeaf(certificate: X509Certificate): void {
  const usage = translating(
    () => keyUsageOf(certificateDetails(certificate)),
    (cause) => refused('one whose extensions cannot be read', cause),
  );
  if (usage.isAuthority || certificate.ca) throw refused('one of an authority (CA:TRUE)');
  if (!usage.isRestricted) return;
  if (usage.keyCertSign) throw refused('one with keyCertSign');
  if (usage.cRLSign) throw refused('one with cRLSign');
}

function refused(got: string, cause?: unknown): PkiError {
  const expected = 'the certificate of a workload, which signs nothing (X509-SVID section 5.2)';
  const hint = 'have it issued with CA:FALSE and a keyUsage of digitalSignature alone';
  return new PkiError('signing-certificate', `expected ${expected}, got ${got}`, { hint, cause });
}
