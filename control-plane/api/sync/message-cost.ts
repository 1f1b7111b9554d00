import type { MonotonicClock } from '../../../common/clock.ts';
import { translating } from '../../../common/errors.ts';
import { TokenBucket } from '../../../common/rate-limit.ts';
import { SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { CallerLimits } from '../caller-limits.ts';
import { RateLimited } from '../request-error.ts';
import { malformed } from './endings.ts';

/** Far above an acknowledgement for each push, and a report every few seconds. */
const MESSAGE_RATE = { burst: 200, perSecond: 200 };

/** What is read of so many costs as much as a message without any. The fullest report has a few thousand. */
const ITEMS_OF_ONE = 500;

/** More than any stream may send at once: what is in them makes no difference. */
const MANY = 100_000;

/**
 * Reads the messages of a stream, within what the stream and its identity may say. What one costs is known once it was read,
 * and a stream that was refused is opened again for little: so the identity owes it, and has to wait before another message
 * of any of its streams is read.
 *
 * The reader throws RequestError `request-malformed`, `rate-limited`.
 */
export function createMessageReader({
  spiffeId,
  limits,
  clock,
}: {
  readonly spiffeId: string;
  readonly limits: Pick<CallerLimits, 'messages'>;
  readonly clock: MonotonicClock;
}): (bytes: Uint8Array) => SyncRequest {
  const messages = new TokenBucket(clock, MESSAGE_RATE);
  return (bytes) => {
    limits.messages.admit(spiffeId);
    const request = translating(
      () => SyncRequest.decode(bytes),
      () => malformed('a message of Sync'),
    );
    const cost = messageCost(request);
    limits.messages.charge(spiffeId, cost);
    if (messages.takeUpTo(cost) === cost) return request;
    throw new RateLimited('messages in one second', messages.retryAfterMs);
  };
}

/**
 * How many messages one counts for: an item may have two bytes, and a message 160,000 of them, of which reading takes as
 * long as hundreds of acknowledgements.
 */
export function messageCost({ message }: SyncRequest): number {
  return 1 + Math.floor(itemsOf(message?.value) / ITEMS_OF_ONE);
}

/** The elements of all lists in it. */
function itemsOf(part: unknown): number {
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return 0;
  const parts: readonly unknown[] = Object.values(part);
  let items = Array.isArray(part) ? parts.length : 0;
  if (items > MANY) return items;
  for (const one of parts) items += itemsOf(one);
  return items;
}
