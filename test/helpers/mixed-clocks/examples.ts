// What `test/mixed-clocks.test.ts` has to find, and below what it has to leave alone. Nothing runs this.
import type { Clock, EpochMs, MonotonicMs } from '../../../common/clock.ts';

export const found = {
  compared: (dateMs: EpochMs, clock: Clock) => dateMs < clock.monotonicMs(),
  age: (clock: Clock, sinceMs: MonotonicMs) => clock.epochMs() - sinceMs,
  optional: (clock: Clock, dueMs: EpochMs | undefined) => (dueMs ?? 0) - clock.monotonicMs(),
  sum: (clock: Clock) => clock.epochMs() + 5_000 > clock.monotonicMs(),
  kept(clock: Clock): boolean {
    const deadlineMs = clock.monotonicMs() + 5_000;
    return clock.epochMs() >= deadlineMs;
  },
  least: (clock: Clock, dueMs: EpochMs) => Math.min(dueMs, 5) - clock.monotonicMs(),
};

export const leftAlone = {
  compared: (dateMs: EpochMs, clock: Clock) => dateMs < clock.epochMs(),
  ages: (clock: Clock, dateMs: EpochMs, sinceMs: MonotonicMs) =>
    clock.epochMs() - dateMs > clock.monotonicMs() - sinceMs,
  kept(clock: Clock): boolean {
    const deadlineMs = clock.monotonicMs() + 5_000;
    return clock.monotonicMs() >= deadlineMs;
  },
  both: (clock: Clock, ageMs: number) => clock.epochMs() - ageMs > 0 && clock.monotonicMs() > ageMs,
};
