import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { storedDate } from '../../../common/dates.ts';
import { serialOf } from '../../../common/pki/revocation.ts';

/**
 * How a caller proved who it is: with a join token, with its current certificate, or by being the
 * control plane, which issues its own and the operator's certificate.
 */
export type Proof =
  | { readonly kind: 'token'; readonly tokenId: string }
  | {
      readonly kind: 'renewal';
      /** Serial number of the certificate that is renewed. */
      readonly from: string;
      /** Its entry, as far as it is known here: another control plane may still have to bring it into the log. */
      readonly of?: Issuance | undefined;
    }
  | { readonly kind: 'self' };

/** An entry of the log as it is stored. */
export const issuanceRecord = z.object({
  serial: z.string(),
  spiffeId: z.string(),
  issuedMs: storedDate,
  notAfterMs: storedDate,
  proof: z.enum(['token', 'renewal', 'self']),
  /** The token of the first certificate: renewals inherit it. */
  tokenId: z.string().optional(),
  /** Serial number of the certificate that was renewed. */
  renewedFrom: z.string().optional(),
  /** Of an operator's: when the control plane made the first one of this chain of renewals. */
  firstIssuedMs: storedDate.optional(),
  /** Digest of the root that it leads to. */
  root: z.string().optional(),
  /** SHA-256 of the whole certificate, in hexadecimal; entries of old versions have none. */
  fingerprint: z.string().optional(),
});

/** One certificate that was issued: who, which, when, until, on what proof. */
export type Issuance = Readonly<z.infer<typeof issuanceRecord>>;

/** SHA-256 over a certificate, as the log has it. */
export function fingerprintOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}

/**
 * Whether an entry is about exactly this certificate. A serial number is not enough: another authority
 * below the same root can choose any.
 */
export function isRecordOf(
  { serial, fingerprint }: Issuance,
  certificate: X509Certificate,
): boolean {
  return serial === serialOf(certificate) && fingerprint === fingerprintOf(certificate);
}
