import type { X509Certificate } from 'node:crypto';
import { PkiError } from './pki-error.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';
import { requireLeaf } from './svid.ts';

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
    throw new PkiError(
      'san-missing',
      'expected a certificate with a SPIFFE ID in its subjectAltName, got one without a URI',
    );
  }
  if (uris.length > 1) {
    throw new PkiError(
      'san-multiple',
      `expected a certificate with exactly one URI in its subjectAltName, got ${uris.length}`,
    );
  }
  return parseSpiffeId(uri);
}
