import type { ServerHttp2Session } from 'node:http2';
import type { MonotonicClock, Timer } from '../../../../common/clock.ts';

/** What becomes of a connection that carries nothing. */
export interface UnusedOptions {
  readonly clock: MonotonicClock;
  /** How long it may carry no request. */
  readonly idleMs: number;
  /** Breaks the connection off. */
  readonly reset: () => void;
}

/** To say goodbye takes a turn; a client that does not read it is not waited for. */
const CLOSE_WITHIN_MS = 5_000;

/**
 * Closes a connection that has carried no request for a time. Whatever else a client says does not count: pings
 * and settings cost it nothing.
 */
export function closeWhenUnused(
  session: ServerHttp2Session,
  { clock, idleMs, reset }: UnusedOptions,
): void {
  let open = 0;
  let timer: Timer;
  const close = (): void => {
    timer = clock.after(CLOSE_WITHIN_MS, reset);
    session.close();
  };
  const begin = (): void => {
    timer = clock.after(idleMs, close);
  };
  begin();
  session.on('stream', (stream) => {
    open += 1;
    timer.cancel();
    stream.once('close', () => {
      open -= 1;
      if (open === 0 && !session.destroyed) begin();
    });
  });
  session.once('close', () => timer.cancel());
}
