import { plusMs, type Clock, type MonotonicMs, type Timer } from '../../../common/clock.ts';
import { afterByEither } from '../../../common/dates.ts';
import type { WorkloadIdentity } from '../source.ts';
import { askedToWaitMs } from '../../../common/rpc/rpc-error.ts';
import { remainingMs, retryDelayMs } from './schedule.ts';

/**
 * What the loop does now.
 *
 *                      due                      failed
 *     waiting ────────────────────> renewing ──────────> backing-off
 *        ^                           │    ^                   │
 *        └────────── renewed ────────┘    └──────── due ──────┘
 *
 *     any ── stop() ──> stopped
 */
export type RenewalState =
  | { readonly kind: 'waiting'; readonly dueMs: MonotonicMs; readonly timer: Timer }
  | { readonly kind: 'renewing'; readonly failures: number; readonly abort: AbortController }
  | {
      readonly kind: 'backing-off';
      readonly failures: number;
      readonly dueMs: MonotonicMs;
      readonly timer: Timer;
    }
  | { readonly kind: 'stopped' };

/** What the loop needs. */
export interface RenewalLoopSettings {
  readonly clock: Clock;
  readonly random: () => number;
  /** How long until the identity in use is to be renewed. */
  readonly delayMs: () => number;
  /** The identity in use. */
  readonly current: () => WorkloadIdentity;
  /** No peer accepts it any more, however long it is valid. */
  readonly isUseless: () => boolean;
  /** One try; when it resolves, `current` returns the new identity. */
  readonly renew: (signal: AbortSignal) => Promise<void>;
  readonly onFailure: (error: unknown, retryInMs: number) => void;
  /** Called whenever a renewal was scheduled. */
  readonly onScheduled: (delayMs: number) => void;
}

/** A running schedule. */
export interface RenewalLoop {
  readonly state: RenewalState;
  /** Brings the next renewal forward, unless it is under way, failing, or due sooner. */
  hurry(delayMs: number, options?: { readonly evenFailing: boolean }): void;
  /** Ends the schedule and a try that is under way. */
  stop(): void;
}

/** Renews for ever: see the picture above. Nothing that `renew` throws ends it. */
export function startRenewalLoop(settings: RenewalLoopSettings): RenewalLoop {
  const { clock, current, onFailure, random } = settings;
  let state: RenewalState = wait();

  // The one place where the state changes.
  function enter(next: RenewalState): void {
    if (state.kind === 'waiting' || state.kind === 'backing-off') state.timer.cancel();
    if (state.kind === 'renewing' && next.kind === 'stopped') state.abort.abort();
    state = next;
  }

  // A machine that was suspended past it renews when it wakes.
  function after(delayMs: number, failures: number): { dueMs: MonotonicMs; timer: Timer } {
    const dueMs = plusMs(clock.monotonicMs(), delayMs);
    return { dueMs, timer: afterByEither(clock, delayMs, () => renew(failures)) };
  }

  function wait(delayMs = settings.delayMs()): RenewalState {
    settings.onScheduled(delayMs);
    return { kind: 'waiting', ...after(delayMs, 0) };
  }

  function backingOff(failures: number, delayMs: number): RenewalState {
    return { kind: 'backing-off', failures, ...after(delayMs, failures) };
  }

  function renew(failures: number): void {
    const abort = new AbortController();
    enter({ kind: 'renewing', failures, abort });
    Promise.try(settings.renew, abort.signal)
      .then(() => {
        if (!abort.signal.aborted) enter(wait());
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) backOff(failures + 1, error);
      });
  }

  function backOff(failures: number, error: unknown): void {
    const leftMs = settings.isUseless() ? 0 : remainingMs(current(), clock);
    const delayMs = Math.max(retryDelayMs(failures, leftMs, random), askedToWaitMs(error));
    enter(backingOff(failures, delayMs));
    onFailure(error, delayMs);
  }

  return {
    get state() {
      return state;
    },
    hurry(delayMs, { evenFailing } = { evenFailing: false }) {
      const dueMs = clock.monotonicMs() + delayMs;
      if (state.kind === 'waiting' && dueMs < state.dueMs) enter(wait(delayMs));
      if (!evenFailing || state.kind !== 'backing-off' || dueMs >= state.dueMs) return;
      enter(backingOff(state.failures, delayMs));
    },
    stop: () => enter({ kind: 'stopped' }),
  };
}
