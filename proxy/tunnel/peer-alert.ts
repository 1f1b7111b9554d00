import type { AlertName } from '../../common/tls/alerts.ts';
import type { HandshakeRefusal } from './peer-check.ts';

/** What a peer is told by TLS; what is missing is none of its business, or was told by OpenSSL. */
const ALERT_OF: Readonly<Partial<Record<HandshakeRefusal, AlertName>>> = {
  'certificate-missing': 'certificate_required',
  untrusted: 'unknown_ca',
  expired: 'certificate_expired',
  // Of RFC 8446: "has expired or is not currently valid".
  'not-yet-valid': 'certificate_expired',
  revoked: 'certificate_revoked',
  'san-missing': 'bad_certificate',
  'san-multiple': 'bad_certificate',
  'spiffe-id': 'bad_certificate',
  'wrong-trust-domain': 'access_denied',
  'no-alpn': 'no_application_protocol',
};

/** The alert for a refusal; undefined when the connection just ends. */
export function alertOf(reason: HandshakeRefusal): AlertName | undefined {
  return ALERT_OF[reason];
}
