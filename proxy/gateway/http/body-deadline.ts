import type { Readable } from 'node:stream';
import type { MonotonicClock } from '../../../common/clock.ts';
import { Refused } from './refused.ts';

/** What bounds the body of a request. */
export interface BodyDeadline {
  readonly clock: MonotonicClock;
  readonly requestSeconds: number;
  readonly body: Readable;
  /** All of it has come, read or not; known in HTTP/1 only. */
  readonly isComplete?: () => boolean;
  /** From then on it counts whether anything moves, and not how long all of it takes. */
  readonly isAnswered: () => boolean;
}

/**
 * A signal that is aborted when the body was not carried on in time, and nothing has been answered. Its
 * reason is a `Refused`: `too-late` for a client that has not sent it, `service-late` where what it has sent
 * waits for the service.
 */
export function bodyDeadline({
  clock,
  requestSeconds,
  body,
  isComplete,
  isAnswered,
}: BodyDeadline): AbortSignal {
  const late = new AbortController();
  const timer = clock.after(requestSeconds * 1000, () => {
    if (isAnswered()) return;
    const isWaiting = isComplete?.() === true || body.readableLength > 0;
    late.abort(new Refused(isWaiting ? 'service-late' : 'too-late'));
  });
  body.once('end', () => timer.cancel());
  body.once('close', () => timer.cancel());
  return late.signal;
}
