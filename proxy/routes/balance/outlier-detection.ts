import type { MonotonicClock, MonotonicMs } from '../../../common/clock.ts';
import type { OutlierDetection } from '../../../common/routes/backend-policy.ts';

/** What is remembered of one endpoint. */
export interface OutlierState {
  consecutiveErrors: number;
  /** How many ejections count; falls by one for each base time without another one. */
  ejections: number;
  /** Until when it is put aside; in the past when it is not. */
  ejectedUntilMs: MonotonicMs;
}

/** Of an endpoint that has not failed. */
export function newOutlierState(): OutlierState {
  return { consecutiveErrors: 0, ejections: 0, ejectedUntilMs: -Infinity as MonotonicMs };
}

/** Endpoints that failed at the same moment come back at different ones: each ejection is longer by up to this share. */
const JITTER_SHARE = 0.1;

/** Envoy's: how long an endpoint that has recovered is left without work at most. */
const MAX_EJECTION_MS = 300_000;

/**
 * Puts endpoints aside that fail again and again (outlier detection, as Envoy has it): one that answers with
 * gateway errors or cannot be reached is given no requests for a while, as long as enough others are left.
 * It is back by time alone.
 */
export class OutlierDetector {
  readonly #clock: Pick<MonotonicClock, 'monotonicMs'>;
  readonly #random: () => number;
  /** As the policy of the backend has them now. */
  settings: OutlierDetection;

  constructor(
    settings: OutlierDetection,
    { clock, random }: { clock: Pick<MonotonicClock, 'monotonicMs'>; random: () => number },
  ) {
    this.settings = settings;
    this.#clock = clock;
    this.#random = random;
  }

  /** False while it is put aside. */
  isIn(state: OutlierState): boolean {
    return state.ejections === 0 || this.#clock.monotonicMs() >= state.ejectedUntilMs;
  }

  succeeded(state: OutlierState): void {
    state.consecutiveErrors = 0;
  }

  /**
   * It failed once more.
   *
   * @param all every endpoint that it stands beside, itself included
   * @returns true when that put it aside
   */
  failed(state: OutlierState, all: Iterable<OutlierState>): boolean {
    state.consecutiveErrors += 1;
    const { consecutive5xxErrors, baseEjectionTimeMs } = this.settings;
    if (consecutive5xxErrors === 0 || state.consecutiveErrors < consecutive5xxErrors) return false;
    if (!this.isIn(state)) return false;
    if (!this.#mayEject(all)) return false;
    const nowMs = this.#clock.monotonicMs();
    // What it did well since the last time makes up for what was before.
    const goodTimes = Math.floor((nowMs - state.ejectedUntilMs) / Math.max(baseEjectionTimeMs, 1));
    state.ejections = Math.max(0, state.ejections - goodTimes) + 1;
    const timeMs = Math.min(
      baseEjectionTimeMs * state.ejections,
      Math.max(MAX_EJECTION_MS, baseEjectionTimeMs),
    );
    const jitterMs = timeMs * JITTER_SHARE * this.#random();
    state.ejectedUntilMs = (nowMs + timeMs + jitterMs) as MonotonicMs;
    state.consecutiveErrors = 0;
    return true;
  }

  #mayEject(all: Iterable<OutlierState>): boolean {
    let total = 0;
    let out = 0;
    for (const state of all) {
      total += 1;
      if (!this.isIn(state)) out += 1;
    }
    const { maxEjectionPercent } = this.settings;
    const share = Math.floor((total * maxEjectionPercent) / 100);
    const most = total > 1 ? Math.max(share, 1) : 0;
    return out < most;
  }
}
