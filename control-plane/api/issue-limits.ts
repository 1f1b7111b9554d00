import { isIPv6 } from 'node:net';
import type { Clock } from '../../common/clock.ts';
import { KeyedBuckets, type Rate } from './keyed-buckets.ts';
import { RequestError } from './request-error.ts';

/**
 * Of one identity, or from one address. A thousand sidecars of a service that come back at once, and
 * certificates of ten seconds for all of them, are within it; a loop that fills the log is not.
 */
const ISSUE_RATE: Rate = { burst: 2_000, perSecond: 250 };

/** A person who mistypes, or a project whose tokens have all expired, is within it. */
const WRONG_TOKEN_RATE: Rate = { burst: 20, perSecond: 0.5 };

/** Bounds what one caller can make the control plane do. */
export interface IssueLimits {
  /** Counts a request. Throws RequestError `rate-limited`. */
  request(spiffeId: string, address: string): void;
  /** Before a token is looked at. Throws RequestError `rate-limited` after too many wrong ones. */
  token(spiffeId: string, address: string): void;
  /** A token was refused. */
  wrongToken(spiffeId: string, address: string): void;
}

/**
 * Creates the limits of a control plane.
 *
 * Wrong tokens for an identity keep nobody out who has not sent one: otherwise whoever reaches the
 * port could keep a service from enrolling.
 */
export function createIssueLimits(clock: Pick<Clock, 'now'>): IssueLimits {
  const requests = {
    identity: new KeyedBuckets(clock, ISSUE_RATE),
    address: new KeyedBuckets(clock, ISSUE_RATE),
  };
  const wrongTokens = {
    identity: new KeyedBuckets(clock, WRONG_TOKEN_RATE),
    address: new KeyedBuckets(clock, WRONG_TOKEN_RATE),
  };
  return {
    request(spiffeId, address) {
      if (!requests.address.take(networkOf(address))) throw limited('requests from this address');
      if (!requests.identity.take(spiffeId)) throw limited(`requests of ${spiffeId}`);
    },
    token(spiffeId, address) {
      const network = networkOf(address);
      const left = wrongTokens.address.left(network);
      if (left < 1) throw limited('wrong join tokens from this address');
      const innocent = left >= WRONG_TOKEN_RATE.burst;
      if (!innocent && wrongTokens.identity.left(spiffeId) < 1) {
        throw limited(`wrong join tokens for ${spiffeId}`);
      }
    },
    wrongToken(spiffeId, address) {
      wrongTokens.address.take(networkOf(address));
      wrongTokens.identity.take(spiffeId);
    },
  };
}

/** A host has a whole /64 of IPv6 to call from. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing =
    tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter(Boolean).length;
  const all = [
    ...groups,
    ...Array.from({ length: missing }, () => '0'),
    ...(tail ?? '').split(':'),
  ];
  return `${all.slice(0, 4).join(':')}::/64`;
}

function limited(what: string): RequestError {
  return new RequestError('rate-limited', `too many ${what}`, { hint: 'try again in a while' });
}
