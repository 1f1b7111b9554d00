import type { Clock, Timer } from '../../common/clock.ts';
import type { WorkloadIdentity } from './source.ts';
import { askedToWaitMs } from '../../common/rpc/rpc-error.ts';
import { expiresMs, retryDelayMs } from './schedule.ts';

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
  | { readonly kind: 'waiting'; readonly dueMs: number; readonly timer: Timer }
  | { readonly kind: 'renewing'; readonly failures: number; readonly abort: AbortController }
  | {
      readonly kind: 'backing-off';
      readonly failures: number;
      readonly dueMs: number;
      readonly timer: Timer;
    }
  | { readonly kind: 'stopped' };

/** What the loop needs. */
export interface RenewalLoopSettings {
  readonly clock: Clock;
  readonly random: () => number;
  /** When the identity in use is to be renewed, in milliseconds since the epoch. */
  readonly dueMs: () => number;
  /** The identity in use. */
  readonly current: () => WorkloadIdentity;
  /** Nobody takes it any more, however long it is valid. */
  readonly isUseless: () => boolean;
  /** One try; when it resolves, `current` returns the new identity. */
  readonly renew: (signal: AbortSignal) => Promise<void>;
  readonly onFailure: (error: unknown, retryInMs: number) => void;
  /** Called whenever a renewal was scheduled. */
  readonly onScheduled: (dueMs: number) => void;
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

  function wait(dueMs = settings.dueMs()): RenewalState {
    const timer = clock.after(dueMs - clock.epochMs(), () => renew(0));
    settings.onScheduled(dueMs);
    return { kind: 'waiting', dueMs, timer };
  }

  function renew(failures: number): void {
    const abort = new AbortController();
    enter({ kind: 'renewing', failures, abort });
    settings.renew(abort.signal).then(
      () => {
        if (!abort.signal.aborted) enter(wait());
      },
      (error: unknown) => {
        if (!abort.signal.aborted) backOff(failures + 1, error);
      },
    );
  }

  function backOff(failures: number, error: unknown): void {
    const remainingMs = settings.isUseless() ? 0 : expiresMs(current()) - clock.epochMs();
    const delayMs = Math.max(retryDelayMs(failures, remainingMs, random), askedToWaitMs(error));
    const timer = clock.after(delayMs, () => renew(failures));
    const dueMs = clock.epochMs() + delayMs;
    enter({ kind: 'backing-off', failures, dueMs, timer });
    onFailure(error, delayMs);
  }

  return {
    get state() {
      return state;
    },
    hurry(delayMs, { evenFailing } = { evenFailing: false }) {
      const dueMs = Math.round(clock.epochMs() + delayMs);
      if (state.kind === 'waiting' && dueMs < state.dueMs) enter(wait(dueMs));
      if (!evenFailing || state.kind !== 'backing-off' || dueMs >= state.dueMs) return;
      const { failures } = state;
      enter({ ...state, dueMs, timer: clock.after(delayMs, () => renew(failures)) });
    },
    stop: () => enter({ kind: 'stopped' }),
  };
}
