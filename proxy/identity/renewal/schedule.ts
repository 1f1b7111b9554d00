import { fullJitterMs } from '../../../common/backoff.ts';
import type { Clock, EpochMs } from '../../../common/clock.ts';
import { ageMs } from '../../../common/dates.ts';
import type { WorkloadIdentity } from '../source.ts';

/*
 * received                 1/2        2/3                            expires
 *    |----------------------|--renew---|--retry--retry-retry-rt-rt-rrr--|
 *
 * Each try and the pause before it take at most one part in PARTS of the time that is left then, so
 * that at least FURTHER_TRIES tries always fit, however slowly each of them fails.
 */
const FURTHER_TRIES = 8;
const PARTS = 2 * (FURTHER_TRIES + 1);

/** Upper bound of the first pause. */
const RETRY_BASE_MS = 1_000;
/** A control plane that is back is noticed within this time, however long the certificate lives. */
const RETRY_CAP_MS = 5 * 60_000;
/** Full jitter may draw zero: a fleet must not spin. */
const RETRY_FLOOR_MS = 50;
/** After expiry nothing is left to divide, and the sidecar serves nothing: try steadily. */
const EXPIRED_RETRY_CAP_MS = 15_000;

/** A handshake on a busy machine takes longer than one part of a certificate of ten seconds. */
const TRY_FLOOR_MS = 1_000;
const TRY_CAP_MS = 5_000;

/** A fleet that is told at the same moment to renew does so over this time. */
const HURRY_MS = 5_000;

/** How long to wait before a renewal that is wanted now: the root is changing. */
export function hurryDelayMs(
  { lifetimeMs }: Pick<WorkloadIdentity, 'lifetimeMs'>,
  random: () => number,
): number {
  return Math.round(random() * Math.min(HURRY_MS, lifetimeMs / 6));
}

/** How long the certificate is valid for, counted from receipt; zero or less when it has expired. */
export function remainingMs(
  { received, lifetimeMs }: Pick<WorkloadIdentity, 'received' | 'lifetimeMs'>,
  clock: Clock,
): number {
  return lifetimeMs - ageMs(clock, received);
}

/** The date at which the certificate expires, as this host's clock will tell it then. */
export function expiryDateMs(
  identity: Pick<WorkloadIdentity, 'received' | 'lifetimeMs'>,
  clock: Clock,
): EpochMs {
  // The monotonic clock counts fractions, and dates are whole wherever they are sent.
  return Math.round(clock.epochMs() + remainingMs(identity, clock)) as EpochMs;
}

/**
 * How long to wait before renewing: until a random point between one half and two thirds of the lifetime
 * counted from receipt, so that a fleet that enrolled together spreads out.
 */
export function renewalDelayMs(
  identity: Pick<WorkloadIdentity, 'received' | 'lifetimeMs'>,
  clock: Clock,
  random: () => number,
): number {
  const dueAgeMs = identity.lifetimeMs * (1 / 2 + random() / 6);
  return Math.round(dueAgeMs - ageMs(clock, identity.received));
}

/**
 * The pause before the next try.
 *
 * @param failures how many tries have failed since the last success, from 1
 * @param leftMs validity that is left; zero or less when the certificate has expired
 */
export function retryDelayMs(failures: number, leftMs: number, random: () => number): number {
  const capMs = leftMs > 0 ? Math.min(RETRY_CAP_MS, leftMs / PARTS) : EXPIRED_RETRY_CAP_MS;
  const delayMs = fullJitterMs(failures, { baseMs: RETRY_BASE_MS, capMs }, random);
  return Math.max(Math.round(delayMs), RETRY_FLOOR_MS);
}

/** How long one try may take, with so much validity left. */
export function tryTimeoutMs(leftMs: number): number {
  if (leftMs <= 0) return TRY_CAP_MS;
  return Math.min(Math.max(leftMs / PARTS, TRY_FLOOR_MS), TRY_CAP_MS);
}
