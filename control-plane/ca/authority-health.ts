import { AUTHORITY_BACKDATE_MS } from '../../common/pki/lifetimes.ts';
import type { Authority } from '../../common/pki/authority.ts';

/** How much of its life an authority has behind it. */
export type AuthorityAge =
  /** Less than half. */
  | 'young'
  /** Time for the next one. */
  | 'renewable'
  /** Less than a quarter, and than NEAR_END_MS, is left: somebody has to look at it. */
  | 'near-end'
  | 'expired';

/** A root lives for ten years: nobody should be warned about it for two of them. */
const NEAR_END_MS = 90 * 24 * 60 * 60 * 1000;

/** Judges the age of an authority by its certificate; the lifetime counts from issue. */
export function authorityAge({ certificate }: Authority, nowMs: number): AuthorityAge {
  const issuedMs = certificate.validFromDate.getTime() + AUTHORITY_BACKDATE_MS;
  const endMs = certificate.validToDate.getTime();
  const leftMs = endMs - nowMs;
  const lifetimeMs = endMs - issuedMs;
  if (leftMs <= 0) return 'expired';
  if (leftMs < Math.min(lifetimeMs / 4, NEAR_END_MS)) return 'near-end';
  return leftMs <= lifetimeMs / 2 ? 'renewable' : 'young';
}
