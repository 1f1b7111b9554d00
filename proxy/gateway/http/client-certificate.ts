import { createHash, type X509Certificate } from 'node:crypto';
import { subjectParts } from '../../../common/pki/certificate-name.ts';

/**
 * The value of `X-Forwarded-Client-Cert` for a certificate that was verified, as Envoy writes it: its
 * SHA-256, its subject, and the URIs and DNS names that it is for.
 */
export function clientCertificateField(certificate: X509Certificate): string {
  const hash = createHash('sha256').update(certificate.raw).digest('hex');
  const subject = subjectParts(certificate).toReversed().join(',');
  const names = (certificate.subjectAltName ?? '').split(', ').flatMap((entry) => {
    // Node quotes names with unusual letters, which cannot be acted upon then.
    const [, kind, name] = /^(URI|DNS):([!#-+.-:<-~]+)$/.exec(entry) ?? [];
    return kind === undefined ? [] : [`${kind}=${name}`];
  });
  return [`Hash=${hash}`, `Subject="${quote(subject)}"`, ...names].join(';');
}

/** Visible ASCII, with what would end the quotation escaped. */
function quote(text: string): string {
  return text.replace(/[^ -~]/g, '?').replace(/["\\]/g, (letter) => `\\${letter}`);
}
