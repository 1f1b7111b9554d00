import { AUTHORITY_BACKDATE_MS } from '../../../common/pki/lifetimes.ts';
import type { Authority } from '../../../common/pki/authority.ts';
import type { AuthorityPair } from './authorities.ts';

/** How much of its life an authority has behind it. */
export type AuthorityAge =
  | 'young' // Less than half.
  | 'renewable' // Time for the next one.
  | 'near-end' // Less than a quarter, and than NEAR_END_MS, is left: an operator has to look at it.
  | 'expired';

/** A root lives for ten years: a warning for two of them would be too early. */
const NEAR_END_MS = 90 * 24 * 60 * 60 * 1000;

/** Judges the age of an authority by its certificate; the lifetime counts from issue. */
export function authorityAge(
  { certificate }: Pick<Authority, 'certificate'>,
  nowMs: number,
): AuthorityAge {
  const issuedMs = certificate.validFromDate.getTime() + AUTHORITY_BACKDATE_MS;
  const endMs = certificate.validToDate.getTime();
  const leftMs = endMs - nowMs;
  const lifetimeMs = endMs - issuedMs;
  if (leftMs <= 0) return 'expired';
  if (leftMs < Math.min(lifetimeMs / 4, NEAR_END_MS)) return 'near-end';
  return leftMs <= lifetimeMs / 2 ? 'renewable' : 'young';
}

/** How the authority is doing, in words where something is to be said. */
export interface CaHealth {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

/** Says when the issuer or the root nears its end; not ok when one has expired. */
export function caHealth({ root, issuer }: AuthorityPair, nowMs: number): CaHealth {
  const judged = [judge('issuer', issuer, nowMs), judge('root', root, nowMs)];
  return {
    ok: judged.every(({ ok }) => ok),
    reasons: judged.flatMap(({ reasons }) => reasons),
  };
}

function judge(name: string, authority: Pick<Authority, 'certificate'>, nowMs: number): CaHealth {
  const until = authority.certificate.validToDate.toISOString();
  switch (authorityAge(authority, nowMs)) {
    case 'expired':
      return { ok: false, reasons: [`the ${name} expired at ${until}: nothing can be issued`] };
    case 'near-end':
      return { ok: true, reasons: [`the ${name} expires at ${until}`] };
    case 'renewable':
    case 'young':
      return { ok: true, reasons: [] };
  }
}
