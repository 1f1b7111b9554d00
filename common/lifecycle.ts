import type { MonotonicClock } from './clock.ts';

/** Anything that holds sockets, timers or files. */
export interface Closeable {
  /** Releases everything; safe to call twice. */
  close(): void | Promise<void>;
}

/** A listener, or a tunnel, that can end without hurting what it carries. */
export interface Drainable {
  /** Takes nothing new from now on. */
  refuse(): void;
  /** Resolves when nothing is left in it. */
  idle(): Promise<void>;
  /** Ends what is left at once. */
  force(): void;
}

/** How a drain ended. */
export type DrainOutcome = 'idle' | 'forced';

/** How long a drain may take. */
export interface DrainBounds {
  readonly clock: MonotonicClock;
  readonly deadlineMs: number;
  /** Ends the wait before the deadline when it is aborted. */
  readonly forced?: AbortSignal;
}

/** The one way everything here ends: refuse, wait, deadline, force. */
export async function drain(
  target: Drainable,
  { clock, deadlineMs, forced }: DrainBounds,
): Promise<DrainOutcome> {
  target.refuse();
  const { promise: deadline, resolve } = Promise.withResolvers<DrainOutcome>();
  const giveUp = (): void => resolve('forced');
  const timer = clock.after(deadlineMs, giveUp);
  if (forced?.aborted === true) giveUp();
  forced?.addEventListener('abort', giveUp, { once: true });
  const outcome = await Promise.race([target.idle().then((): DrainOutcome => 'idle'), deadline]);
  timer.cancel();
  forced?.removeEventListener('abort', giveUp);
  if (outcome === 'forced') target.force();
  return outcome;
}
