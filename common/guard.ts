import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { createLogLimit } from './rate-limit.ts';

/**
 * Where something unexpected was thrown: the label of a metric, so the list is closed. A room of
 * the programs, or a net below all of them: `timer` for the callbacks of the clock, `uncaught` and
 * `rejection` for what no guard saw.
 */
export const GUARDED = [
  'admin',
  'api',
  'authority',
  'capture',
  'dashboard',
  'discovery',
  'egress',
  'federation',
  'files',
  'gateway',
  'identity',
  'inbound',
  'keeper',
  'outbound',
  'policy',
  'registry',
  'rejection',
  'relay',
  'store',
  'telemetry',
  'timer',
  'tokens',
  'tunnel',
  'uncaught',
  'workers',
] as const;

/** One of `GUARDED`. */
export type Guarded = (typeof GUARDED)[number];

/**
 * What every timer, event listener and detached promise runs under. What it throws is a mistake of the
 * program, or an unforeseen refusal of the system: it is logged and counted, and the rest of the
 * process lives. `otherwise` releases what the callback was about, such as a connection that
 * would hang half made; what that throws is logged too.
 */
export interface Guard {
  /** Runs it now; a promise that it returns is guarded as well. */
  run(where: Guarded, work: () => unknown, otherwise?: (error: unknown) => void): void;
  /** For a promise that is not awaited. */
  promise(where: Guarded, promise: Promise<unknown>, otherwise?: (error: unknown) => void): void;
  /** The callback as one that does not throw. */
  listener<Args extends unknown[]>(
    where: Guarded,
    callback: (...args: Args) => unknown,
    otherwise?: (error: unknown) => void,
  ): (...args: Args) => void;
  /** Tells and counts what was caught elsewhere. */
  report(where: Guarded, error: unknown): void;
}

/** A guard that knows what it has caught. */
export interface CountingGuard extends Guard {
  /** How often, by place; every place is there. */
  counts(): ReadonlyMap<Guarded, number>;
}

/** Creates the guard of a process. */
export function createGuard({
  logger,
  clock,
}: {
  readonly logger: Logger;
  readonly clock: Clock;
}): CountingGuard {
  const counts = new Map<Guarded, number>(GUARDED.map((where) => [where, 0]));
  const mayLog = createLogLimit(clock);

  function report(where: Guarded, error: unknown): void {
    counts.set(where, (counts.get(where) ?? 0) + 1);
    try {
      if (!mayLog()) return;
      // A mistake of the program: without the place, it could not be fixed.
      const stack = error instanceof Error ? error.stack : undefined;
      const line = { event: 'internal-error', where, err: error, ...(stack && { stack }) };
      logger.error(line, `unexpected error (${where}); everything else continues`);
    } catch {
      // A log that cannot be written must not end what goes on. The counter has it.
    }
  }

  function failed(where: Guarded, error: unknown, otherwise?: (error: unknown) => void): void {
    report(where, error);
    if (otherwise !== undefined) run(where, () => otherwise(error));
  }

  function run(where: Guarded, work: () => unknown, otherwise?: (error: unknown) => void): void {
    try {
      const result = work();
      if (result instanceof Promise) promise(where, result, otherwise);
    } catch (error) {
      failed(where, error, otherwise);
    }
  }

  function promise(
    where: Guarded,
    detached: Promise<unknown>,
    otherwise?: (error: unknown) => void,
  ): void {
    detached.catch((error: unknown) => failed(where, error, otherwise));
  }

  return {
    run,
    promise,
    listener:
      (where, callback, otherwise) =>
      (...args) =>
        run(where, () => callback(...args), otherwise),
    report,
    counts: () => counts,
  };
}

/** The clock, with every callback under the guard. */
export function guardedClock(clock: Clock, guard: Guard): Clock {
  return {
    ...clock,
    after: (delayMs, callback) => clock.after(delayMs, guard.listener('timer', callback)),
    onStep: (listener) => clock.onStep(guard.listener('timer', listener)),
  };
}

/**
 * The net below all guards, for a program that serves: what was thrown outside of a guard is logged and
 * counted, and does not end the process and all its connections. Until it is disposed of.
 *
 * `rejections` from the start on. `everything` only once the program serves: before that nothing is carried,
 * and an end that is seen is better than a start that never comes to one.
 */
export function catchUnguarded(guard: Guard): UnguardedNet {
  const onRejection = (reason: unknown): void => guard.report('rejection', reason);
  const onException = (error: unknown): void => guard.report('uncaught', error);
  process.on('unhandledRejection', onRejection);
  return {
    serving: () =>
      void process.off('uncaughtException', onException).on('uncaughtException', onException),
    [Symbol.dispose]() {
      process.off('unhandledRejection', onRejection).off('uncaughtException', onException);
    },
  };
}

/** What `catchUnguarded` has spread. */
export interface UnguardedNet extends Disposable {
  /** From now on exceptions are caught too. */
  serving(): void;
}
