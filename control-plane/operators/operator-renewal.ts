import type { X509Certificate } from 'node:crypto';
import { MIN_LEAF_LIFETIME_MS } from '../../common/pki/lifetimes.ts';
import { isRecordOf, type Issuance } from '../ca/issuance/record.ts';
import { OperatorError } from './operator-error.ts';

/** What the bound is about. */
export interface OperatorRenewal {
  readonly certificate: X509Certificate;
  /** The log's entry of the certificate, when it has one. */
  readonly issuance: Issuance | undefined;
  readonly renewalMs: number;
  readonly nowMs: number;
}

/**
 * How long the next certificate of an operator may live: the whole chain of renewals, from the
 * certificate that the control plane made by itself, ends at one moment.
 *
 * @returns milliseconds
 * @throws OperatorError `operator-renewal-over`, also for a certificate that the log does not have
 */
export function operatorLifetimeMs(renewal: OperatorRenewal): number {
  const { certificate, issuance, renewalMs, nowMs } = renewal;
  if (issuance === undefined || !isRecordOf(issuance, certificate)) {
    throw over('the issuance log does not know this credential');
  }
  const firstMs = firstIssuedMs(issuance);
  if (firstMs === undefined) throw over('the first issue of this credential is unknown');
  const leftMs = firstMs + renewalMs - nowMs;
  if (leftMs >= MIN_LEAF_LIFETIME_MS) return leftMs;
  const first = new Date(firstMs).toISOString();
  throw over(
    renewalMs === 0
      ? 'credentials of operators are not renewed here (--operator-renewal 0)'
      : `this credential goes back to one of ${first}, and may be renewed for ${renewalMs / 1000} s (--operator-renewal)`,
  );
}

/** When the control plane made the first of a chain of renewals; undefined when the log does not tell. */
export function firstIssuedMs(issuance: Issuance): number | undefined {
  return issuance.proof === 'self' ? issuance.issuedMs : issuance.firstIssuedMs;
}

function over(sentence: string): OperatorError {
  return new OperatorError('operator-renewal-over', sentence, {
    hint: "take the current admin.pem from the control plane's data directory",
  });
}
