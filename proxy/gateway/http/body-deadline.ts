import type { Clock } from '../../../common/clock.ts';

/** What bounds the body of a request. */
export interface BodyDeadline {
  readonly clock: Clock;
  readonly requestSeconds: number;
  readonly body: { once(event: 'end' | 'close', listener: () => void): unknown };
  /** From then on it counts whether anything moves, and not how long all of it takes. */
  readonly isAnswered: () => boolean;
}

/** A signal that is aborted when the body has not arrived in time, and nothing has been answered. */
export function bodyDeadline({
  clock,
  requestSeconds,
  body,
  isAnswered,
}: BodyDeadline): AbortSignal {
  const late = new AbortController();
  const timer = clock.after(requestSeconds * 1000, () => {
    if (!isAnswered()) late.abort();
  });
  body.once('end', () => timer.cancel());
  body.once('close', () => timer.cancel());
  return late.signal;
}
