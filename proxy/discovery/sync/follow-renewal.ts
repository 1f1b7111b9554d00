import type { Clock } from '../../../common/clock.ts';
import { remainingMs } from '../../identity/renewal/schedule.ts';
import type { SyncCredentials } from './credentials.ts';

/*
 * A renewal goes over the connection of the stream, so that it takes no handshake. The stream follows when it suits:
 *
 *   renewed                                               the old one expires
 *      |-------------|--------- moves ----------|-------------|
 *                   1/4                        3/4
 *
 * The control plane ends what is still on the old one then.
 */
const EARLIEST = 1 / 4;
const LATEST = 3 / 4;

/** A move that failed is not tried again at once, however little time is left. */
const LEAST_MS = 1_000;

/** In how long to move to a connection with the next certificate. Random, so that a fleet that renewed together does not connect together. */
export function moveDelayMs(
  old: Pick<SyncCredentials, 'received' | 'lifetimeMs'>,
  random: () => number,
  clock: Clock,
): number {
  const share = EARLIEST + random() * (LATEST - EARLIEST);
  return Math.max(Math.round(remainingMs(old, clock) * share), LEAST_MS);
}

/** Whether the certificate was revoked, as far as this sidecar has been told. */
export function isRevoked({ spiffeId, chain, bundle }: SyncCredentials): boolean {
  return bundle.revocations?.find(spiffeId.uri, chain[0]) !== undefined;
}

/** Whether two certificates have the same issuers, up to the root. */
export function isOfOneIssuer(
  { chain: [, ...issuers] }: Pick<SyncCredentials, 'chain'>,
  { chain: [, ...others] }: Pick<SyncCredentials, 'chain'>,
): boolean {
  const isSame = (at: number): boolean => others[at]?.raw.equals(issuers[at]?.raw ?? NONE) === true;
  return issuers.length === others.length && issuers.every((_, at) => isSame(at));
}

const NONE = Buffer.alloc(0);
