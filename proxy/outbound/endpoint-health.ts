import { fullJitterMs } from '../../common/backoff.ts';
import type { MonotonicClock } from '../../common/clock.ts';

/** The first time aside is short: most failures are a restart, over in a second. */
const EJECTION_BASE_MS = 1_000;
/** Half a minute bounds how long a recovered endpoint is left without work. */
const EJECTION_CAP_MS = 30_000;

/**
 * Of endpoints that left while a connection to them was failing, no message says that they left. The one that
 * failed first is forgotten then, and tried again if it is still there.
 */
const MAX_EJECTED = 10_000;

/**
 * Remembers which endpoints failed, and until when they are put aside (outlier ejection: the delay
 * doubles with each failure in a row, with full jitter). Keyed by instance id.
 */
export class EndpointHealth {
  readonly #clock: MonotonicClock;
  readonly #random: () => number;
  readonly #ejected = new Map<string, { failures: number; untilMs: number }>();

  constructor({ clock, random = Math.random }: { clock: MonotonicClock; random?: () => number }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** False while the endpoint is put aside. */
  isHealthy(instanceId: string): boolean {
    const ejection = this.#ejected.get(instanceId);
    return ejection === undefined || this.#clock.monotonicMs() >= ejection.untilMs;
  }

  failed(instanceId: string): void {
    const failures = (this.#ejected.get(instanceId)?.failures ?? 0) + 1;
    const bounds = { baseMs: EJECTION_BASE_MS, capMs: EJECTION_CAP_MS };
    const jitterMs = fullJitterMs(failures, bounds, this.#random);
    const untilMs = this.#clock.monotonicMs() + Math.max(jitterMs, EJECTION_BASE_MS / 2);
    this.#ejected.delete(instanceId);
    this.#ejected.set(instanceId, { failures, untilMs });
    if (this.#ejected.size <= MAX_EJECTED) return;
    const [longest] = this.#ejected.keys();
    if (longest !== undefined) this.#ejected.delete(longest);
  }

  succeeded(instanceId: string): void {
    this.#ejected.delete(instanceId);
  }

  /** Forgets an endpoint that left the mesh. */
  forget(instanceId: string): void {
    this.#ejected.delete(instanceId);
  }
}
