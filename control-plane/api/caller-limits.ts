import type { MonotonicClock } from '../../common/clock.ts';
import type { HauberkError } from '../../common/errors.ts';
import { clientNetwork } from '../../common/network/ip-address.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import type { Rate } from '../../common/rate-limit.ts';
import { RateLimited } from './request-error.ts';

/**
 * Certificates of one identity, or for one token. A thousand sidecars of a service that come back at
 * once, and certificates of ten seconds for all of them, are within it; a loop that fills the log is not.
 */
const ISSUE_RATE: Rate = { burst: 2_000, perSecond: 250 };

/**
 * Calls of operators. Scripts that make a token for each of a thousand services are within it; one
 * that asks in a loop without a pause is not.
 */
const OPERATOR_RATE: Rate = { burst: 1_000, perSecond: 100 };

/**
 * Sync streams of one identity: each comes with a certificate, or after the control plane was down, when
 * all of them come at once.
 */
const STREAM_RATE: Rate = { burst: 2_000, perSecond: 250 };

/** Sync streams of one sidecar: certificates of ten seconds, and a connection that keeps breaking, are within it. */
const INSTANCE_RATE: Rate = { burst: 30, perSecond: 1 };

/**
 * Endpoints of one identity that come or move: every sidecar of the mesh is told of each. All instances
 * of the largest service that there may be at once, and then one every half second.
 */
const CHANGE_RATE: Rate = { burst: 1_000, perSecond: 2 };

/**
 * Services and addresses that one sidecar asks about: a start with a thousand, and then each that is new. A workload
 * that is connected to every address of a network has to wait, and no other sidecar.
 */
const QUESTION_RATE: Rate = { burst: 4_096, perSecond: 100 };

/** Those of all sidecars of one identity: a tenth of what a control plane can answer. */
const IDENTITY_QUESTION_RATE: Rate = { burst: 50_000, perSecond: 2_000 };

/**
 * Messages on the Sync streams of one identity, each of which takes some twenty microseconds. A thousand of its sidecars
 * that come at once are within it, and what they acknowledge of a mesh that changes all the time; it is half of a core.
 */
const MESSAGE_RATE: Rate = { burst: 100_000, perSecond: 20_000 };

/** What 1,000 more reads in a message take, in small messages. */
const LARGE = 8;

/** A person who mistypes is within it. */
const WRONG_TOKEN_RATE: Rate = { burst: 20, perSecond: 0.5 };

/** With more control planes than this the smallest burst would be a single call. */
const MAX_SHARES = 8;

/**
 * Bounds what one caller can make the control plane do. A call is charged to who has proven to make
 * it: an identity by its certificate, a token by its secret. One that proves nothing is charged to the
 * address that it comes from (a /48 of IPv6), never to a name that it contains. It keeps no caller out
 * who proves himself, also at the same address: what it costs is one look-up and one hash.
 */
export interface CallerLimits {
  /** A request for a certificate, by an authenticated caller. @throws RequestError `rate-limited` */
  issue(proven: { readonly spiffeId: string } | { readonly tokenId: string }): void;
  /** A call of an operator. @throws RequestError `rate-limited` */
  operator(spiffeId: string): void;
  /** A Sync stream of one of its sidecars. @throws RequestError `rate-limited` */
  stream(sidecar: { readonly spiffeId: string; readonly instanceId: string }): void;
  /** So many things that one of its sidecars asks to be told of. @throws RequestError `rate-limited` */
  interest(
    sidecar: { readonly spiffeId: string; readonly instanceId: string },
    count: number,
  ): void;
  /** Messages on the Sync streams of one identity. */
  readonly messages: {
    /** One is about to be read. @throws RequestError `rate-limited` */
    admit(spiffeId: string): void;
    /** What it has cost, of which its reader says how much; it may be more than was left. */
    charge(spiffeId: string, cost: number): void;
  };
  /** One of its endpoints comes, or moves. @throws RequestError `rate-limited` */
  endpoint(spiffeId: string): void;
  /**
   * A client at this address sent a token whose secret is wrong.
   *
   * @returns what the caller is told: why it was refused, or only that it came too often
   */
  wrongToken(address: string, why: HauberkError): HauberkError;
}

/**
 * Creates the limits of a control plane.
 *
 * @param controlPlanes how many there are on the store, between which the limits of calls that write are divided
 */
export function createCallerLimits(
  clock: Pick<MonotonicClock, 'monotonicMs'>,
  controlPlanes: { readonly count: number } = { count: 1 },
): CallerLimits {
  const issued = new KeyedBuckets(clock, ISSUE_RATE);
  const operators = new KeyedBuckets(clock, OPERATOR_RATE);
  const wrongTokens = new KeyedBuckets(clock, WRONG_TOKEN_RATE);
  const streams = new KeyedBuckets(clock, STREAM_RATE);
  const instances = new KeyedBuckets(clock, INSTANCE_RATE);
  const changes = new KeyedBuckets(clock, CHANGE_RATE);
  const questions = new KeyedBuckets(clock, QUESTION_RATE);
  const identityQuestions = new KeyedBuckets(clock, IDENTITY_QUESTION_RATE);
  const messages = new KeyedBuckets(clock, MESSAGE_RATE);
  const charge = (buckets: KeyedBuckets, key: string, what: string): void => {
    if (!buckets.take(key)) throw new RateLimited(what, buckets.retryAfterMs(key));
  };
  /** What lands in the store: each control plane allows its share, as a caller may ask all of them. */
  const takeShare = (buckets: KeyedBuckets, key: string): boolean => {
    const cost = Math.min(controlPlanes.count, MAX_SHARES);
    for (let taken = 0; taken < cost; taken += 1) if (!buckets.take(key)) return false;
    return true;
  };
  const chargeShare = (buckets: KeyedBuckets, key: string, what: string): void => {
    if (!takeShare(buckets, key)) throw new RateLimited(what, buckets.retryAfterMs(key));
  };
  return {
    issue(proven) {
      if ('tokenId' in proven) {
        const { tokenId } = proven;
        chargeShare(issued, `token ${tokenId}`, `requests with the join token ${tokenId}`);
      } else {
        chargeShare(issued, proven.spiffeId, `requests of ${proven.spiffeId}`);
      }
    },
    operator: (spiffeId) => chargeShare(operators, spiffeId, `calls of ${spiffeId}`),
    stream({ spiffeId, instanceId }) {
      // An instance id is what the caller says: it counts below the identity that it has proven.
      charge(instances, `${spiffeId} ${instanceId}`, `Sync streams of the sidecar ${instanceId}`);
      charge(streams, spiffeId, `Sync streams of ${spiffeId}`);
    },
    interest({ spiffeId, instanceId }, count) {
      for (let asked = 0; asked < count; asked += 1) {
        charge(questions, `${spiffeId} ${instanceId}`, `questions of the sidecar ${instanceId}`);
        charge(identityQuestions, spiffeId, `questions of ${spiffeId}`);
      }
    },
    messages: {
      admit(spiffeId) {
        if (messages.left(spiffeId) >= 1) return;
        throw new RateLimited(`messages of ${spiffeId}`, messages.retryAfterMs(spiffeId));
      },
      charge: (spiffeId, cost) => messages.owe(spiffeId, 1 + (cost - 1) * LARGE),
    },
    endpoint: (spiffeId) => chargeShare(changes, spiffeId, `changes of endpoints of ${spiffeId}`),
    wrongToken(address, why) {
      const network = clientNetwork(address);
      if (takeShare(wrongTokens, network)) return why;
      const waitMs = wrongTokens.retryAfterMs(network);
      return new RateLimited('wrong join tokens from this address', waitMs);
    },
  };
}
