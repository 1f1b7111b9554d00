import type net from 'node:net';
import type { MonotonicClock } from '../../common/clock.ts';

/** What to do with the bytes that have come so far. */
export type Decision<Value> =
  | { readonly kind: 'wait' }
  /** The first so many bytes are taken away; the others are left for the next reader. */
  | { readonly kind: 'done'; readonly value: Value; readonly taken: number };

/** Why there was no decision. */
export type PeekFailure = 'ended' | 'late' | 'too-long';

/** How long, and how far, is looked. */
export interface PeekBounds {
  readonly clock: MonotonicClock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * Looks at the beginning of a connection that has no reader yet, until `decide` has seen enough, and
 * leaves it paused, with what was not taken in front.
 */
export function peek<Value>(
  socket: net.Socket,
  decide: (bytes: Buffer) => Decision<Value>,
  { clock, timeoutMs, maxBytes }: PeekBounds,
): Promise<{ readonly value: Value } | PeekFailure> {
  const { promise, resolve } = Promise.withResolvers<{ readonly value: Value } | PeekFailure>();
  let seen: Buffer = Buffer.alloc(0);
  const finish = (result: { readonly value: Value } | PeekFailure, taken = 0): void => {
    timer.cancel();
    socket.pause();
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    if (seen.length > taken && !socket.destroyed) socket.unshift(seen.subarray(taken));
    resolve(result);
  };
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const decision = decide(seen);
    if (decision.kind === 'done') finish({ value: decision.value }, decision.taken);
    else if (seen.length >= maxBytes) finish('too-long');
  };
  const onEnd = (): void => {
    seen = Buffer.alloc(0);
    finish('ended');
  };
  const timer = clock.after(timeoutMs, () => finish('late'));
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.resume();
  return promise;
}
