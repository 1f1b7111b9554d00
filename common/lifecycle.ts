import type { Clock } from './clock.ts';

/** Anything that holds sockets, timers or files. */
export interface Closeable {
  /** Lets go of everything; safe to call twice. */
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

/** The one way everything here ends: refuse, wait, deadline, force. */
export async function drain(
  target: Drainable,
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
): Promise<DrainOutcome> {
  target.refuse();
  const { promise: deadline, resolve } = Promise.withResolvers<DrainOutcome>();
  const timer = clock.after(deadlineMs, () => resolve('forced'));
  const outcome = await Promise.race([target.idle().then((): DrainOutcome => 'idle'), deadline]);
  timer.cancel();
  if (outcome === 'forced') target.force();
  return outcome;
}
