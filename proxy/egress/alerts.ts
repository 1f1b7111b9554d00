import { systemErrorCode } from '../../common/errors.ts';

/** What a server's alert says about our client certificate. */
export type ClientCertificateRefusal = 'client-certificate-wanted' | 'client-certificate-rejected';

/** Alerts that servers send about certificates of clients (RFC 8446 section 6.2), as OpenSSL names them. */
const CERTIFICATE_ALERT =
  /ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)$/;

/**
 * Reads an error of a TLS connection. With TLS 1.3 a client's handshake is over before the server has
 * judged it: the alert then comes when the connection is read.
 *
 * @param shown whether the server was shown a certificate
 * @returns undefined for an error that is about something else
 */
export function alertRefusal(error: unknown, shown: boolean): ClientCertificateRefusal | undefined {
  const code = systemErrorCode(error) ?? '';
  if (code.endsWith('ALERT_CERTIFICATE_REQUIRED')) return 'client-certificate-wanted';
  if (shown) return CERTIFICATE_ALERT.test(code) ? 'client-certificate-rejected' : undefined;
  // Before TLS 1.3 there was no alert of its own for a certificate that is missing.
  return /ALERT_(?:HANDSHAKE_FAILURE|BAD_CERTIFICATE)$/.test(code)
    ? 'client-certificate-wanted'
    : undefined;
}

/** What each of them means. */
export const ALERT_SENTENCES = {
  'client-certificate-wanted': 'the server wants a client certificate, and the policy has none',
  'client-certificate-rejected': 'the server does not accept the client certificate',
} as const;
