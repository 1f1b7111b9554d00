import type { X509Certificate } from 'node:crypto';
import { certificateDetails } from './certificate-extensions.ts';
import { keyUsageOf, type KeyUsage } from './key-usage.ts';
import { PkiError } from './pki-error.ts';

/**
 * Refuses a leaf that may sign certificates or revocation lists: an identity must never come from a
 * signing certificate (X509-SVID section 5.2), which TLS accepts as a client or a server nevertheless.
 *
 * @throws PkiError `signing-certificate`, also for a certificate whose extensions cannot be read
 */
export function requireLeaf(certificate: X509Certificate): void {
  let usage: KeyUsage;
  try {
    usage = keyUsageOf(certificateDetails(certificate));
  } catch (cause) {
    throw refused('one whose extensions cannot be read', cause);
  }
  if (usage.isAuthority || certificate.ca) throw refused('one of an authority (CA:TRUE)');
  if (!usage.isRestricted) return;
  if (usage.keyCertSign) throw refused('one with keyCertSign');
  if (usage.cRLSign) throw refused('one with cRLSign');
}

function refused(got: string, cause?: unknown): PkiError {
  return new PkiError(
    'signing-certificate',
    `expected the certificate of a workload, which signs nothing (X509-SVID section 5.2), got ${got}`,
    {
      hint: 'have it issued with CA:FALSE and a keyUsage of digitalSignature alone',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
