import { systemErrorCode } from '../../common/errors.ts';

/** Why a connection did not become one of TLS 1.3 with HTTP/2. A label of a metric: bounded. */
export const HANDSHAKE_FAILURES = [
  'timeout',
  'closed-early',
  'not-tls',
  'tls-version',
  'no-common-protocol',
  'too-many-connections',
  'too-many-handshakes',
  'descriptors',
  'peer-limit',
  'tls',
] as const;

/** One of them. */
export type HandshakeFailure = (typeof HANDSHAKE_FAILURES)[number];

/** Names what Node or OpenSSL says about a failed handshake. */
export function handshakeFailure(error: unknown): HandshakeFailure {
  const code = systemErrorCode(error) ?? '';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'closed-early';
  if (/HTTP_REQUEST|HTTPS_PROXY|WRONG_VERSION_NUMBER|UNEXPECTED_MESSAGE|RECORD/.test(code)) {
    return 'not-tls';
  }
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION/.test(code)) return 'tls-version';
  return /APPLICATION_PROTOCOL/.test(code) ? 'no-common-protocol' : 'tls';
}
