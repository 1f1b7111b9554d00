import type { MonotonicClock } from '../../../common/clock.ts';

/** Is told of everything that moves. */
export interface IdleWatch {
  moved(): void;
}

/** What is watched, and for how long nothing may move. */
export interface IdleOptions {
  readonly clock: MonotonicClock;
  /** 0: for ever. */
  readonly idleMs: number;
  /** What is watched ends with it. */
  readonly until: { once(event: 'close', listener: () => void): unknown };
}

/** Calls back, once, when nothing has moved for that long. */
export function watchIdleness(
  { clock, idleMs, until }: IdleOptions,
  onIdle: () => void,
): IdleWatch {
  if (idleMs === 0) return { moved() {} };
  let lastMs = clock.monotonicMs();
  // Much may move: only when the time could be over is it looked at what has.
  const look = (): void => {
    const leftMs = lastMs + idleMs - clock.monotonicMs();
    if (leftMs <= 0) onIdle();
    else timer = clock.after(leftMs, look);
  };
  let timer = clock.after(idleMs, look);
  until.once('close', () => timer.cancel());
  return {
    moved() {
      lastMs = clock.monotonicMs();
    },
  };
}
