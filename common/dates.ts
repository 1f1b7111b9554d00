import { z } from 'zod';
import { plusMs, type Clock, type EpochMs, type MonotonicMs, type Timer } from './clock.ts';

/** One moment on both clocks, so that what is counted from it can tell a step from time that passed. */
export interface Moment {
  readonly epochMs: EpochMs;
  readonly monotonicMs: MonotonicMs;
}

type Clocks = Pick<Clock, 'epochMs' | 'monotonicMs'>;

/** A date in a record that was written down: for the schemas of what is stored. */
export const storedDate = z.custom<EpochMs>(Number.isFinite);

/** Now. */
export function momentOf(clock: Clocks): Moment {
  return { epochMs: clock.epochMs(), monotonicMs: clock.monotonicMs() };
}

/**
 * A moment that another process wrote down, at most now: only the wall clock can say how long ago it was,
 * and one that was set back must not put it into the future.
 */
export function storedMoment(clock: Clocks, storedMs: EpochMs): Moment {
  const now = momentOf(clock);
  const agoMs = Math.max(now.epochMs - storedMs, 0);
  return {
    epochMs: Math.round(now.epochMs - agoMs) as EpochMs,
    monotonicMs: plusMs(now.monotonicMs, -agoMs),
  };
}

/**
 * How long ago a moment is, by the clock that says more: the monotonic one does not notice that the machine
 * was suspended, and the wall clock may have been set back. For what must not live too long.
 */
export function ageMs(clock: Clocks, { epochMs, monotonicMs }: Moment): number {
  return Math.max(clock.monotonicMs() - monotonicMs, clock.epochMs() - epochMs);
}

/** A date on both clocks, as far off as the wall clock says now. Setting that clock later moves neither. */
export function momentAt(clock: Clocks, dateMs: EpochMs): Moment {
  return {
    epochMs: dateMs,
    monotonicMs: plusMs(clock.monotonicMs(), dateMs - clock.epochMs()),
  };
}

/** Whether a moment has come by either clock: what must not last longer is over then. */
export function hasCome(clock: Clocks, { epochMs, monotonicMs }: Moment): boolean {
  return clock.monotonicMs() >= monotonicMs || clock.epochMs() >= epochMs;
}

/**
 * Runs the callback once, when a moment has come by either clock. A wall clock that is set back does not put
 * off what is waited for; and the date is looked at again whenever the wall clock was set or the machine was
 * suspended, so that what came due meanwhile happens at once.
 */
export function atMoment(clock: Clock, moment: Moment, callback: () => void): Timer {
  const run = (): void => {
    cancel();
    callback();
  };
  const wait = (): Timer => {
    const leftMs = moment.monotonicMs - clock.monotonicMs();
    return clock.after(Math.min(leftMs, moment.epochMs - clock.epochMs()), run);
  };
  let timer = wait();
  const steps = clock.onStep(() => {
    timer.cancel();
    if (hasCome(clock, moment)) run();
    else timer = wait();
  });
  const cancel = (): void => {
    timer.cancel();
    steps.cancel();
  };
  return { cancel };
}

/** Runs the callback once, after a delay, or as soon as the wall clock says that so much time has passed. */
export function afterByEither(clock: Clock, delayMs: number, callback: () => void): Timer {
  return atMoment(clock, momentAt(clock, plusMs(clock.epochMs(), delayMs)), callback);
}

/**
 * How long a wall clock that was set forward is not trusted when something is to be forgotten for good. As
 * long as any workload's certificate lives: what could still be shown then has expired by any clock.
 */
const SETTLING_MS = 7 * 24 * 3_600_000;

/**
 * The date to forget by: never later than the wall clock, and not later either than it would be without
 * the steps forward of the last seven days. A clock that is wrong for an afternoon must not take away
 * revocations or logs that are needed once it is right again.
 */
export function createSettledDate(clock: Clocks & Pick<Clock, 'onStep'>): SettledDate {
  const offset = (): number => clock.epochMs() - clock.monotonicMs();
  let present = offset();
  let former: { readonly offsetMs: number; readonly untilMs: MonotonicMs }[] = [];
  const steps = clock.onStep(() => {
    const untilMs = plusMs(clock.monotonicMs(), SETTLING_MS);
    // Those that are later than one that counts for longer never decide.
    former = former.filter(({ offsetMs }) => offsetMs < present);
    former.push({ offsetMs: present, untilMs });
    present = offset();
  });
  return {
    settledMs() {
      const nowMs = clock.monotonicMs();
      former = former.filter(({ untilMs }) => untilMs > nowMs);
      const offsets = former.map(({ offsetMs }) => offsetMs);
      const dates = offsets.map((offsetMs) => Math.floor(nowMs + offsetMs));
      return Math.min(clock.epochMs(), ...dates) as EpochMs;
    },
    close: () => steps.cancel(),
  };
}

/** See `createSettledDate`. */
export interface SettledDate {
  settledMs(): EpochMs;
  close(): void;
}
