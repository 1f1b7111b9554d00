import type { X509Certificate } from 'node:crypto';
import { serialOf } from './revocation.ts';

/** The subject in one line, for sentences; Node.js has none for an empty one, whatever its type says. */
export function certificateName(
  certificate: Pick<X509Certificate, 'subject' | 'serialNumber'>,
): string {
  return subjectLine(certificate) || `a certificate without a subject (${serialOf(certificate)})`;
}

/** The same, and empty where there is none. */
export function subjectLine({ subject }: Pick<X509Certificate, 'subject'>): string {
  return subjectParts({ subject }).join(', ');
}

/** The relative names of the subject, in their order. */
export function subjectParts({ subject }: Pick<X509Certificate, 'subject'>): readonly string[] {
  const text = subject as string | undefined;
  return text === undefined || text === '' ? [] : text.split('\n');
}
