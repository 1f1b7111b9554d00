import { sleep, systemClock } from '../../common/clock.ts';
import { BenchError } from '../bench-error.ts';

/** How often a state is asked for that no event tells of. */
const ASK_EVERY_MS = 5;

/** Waits for something that should happen. @throws BenchError `not-in-time`, naming what did not */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = systemClock.after(deadlineMs, () => reject(notInTime(what, deadlineMs)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.cancel();
  }
}

/** Asks until the answer is yes. @throws BenchError `not-in-time` */
export async function eventually(
  what: string,
  ask: () => Promise<boolean>,
  deadlineMs: number,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + deadlineMs;
  while (!(await ask())) {
    if (systemClock.monotonicMs() > endMs) throw notInTime(what, deadlineMs);
    await pause(ASK_EVERY_MS);
  }
}

/** Waits; what is measured goes on meanwhile. */
export async function pause(ms: number): Promise<void> {
  // The clock's timers do not keep a process alive, and here there may be nothing else that does.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    await sleep(systemClock, ms);
  } finally {
    clearInterval(alive);
  }
}

function notInTime(what: string, deadlineMs: number): BenchError {
  return new BenchError(
    'not-in-time',
    `within ${deadlineMs / 1000} s this did not happen: ${what}`,
    { hint: 'the machine may be too busy: try again when it is quiet' },
  );
}
