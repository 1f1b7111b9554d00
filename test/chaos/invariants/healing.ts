import type { Break } from './violations.ts';

/** Something that has to be well; says what is not. */
export type HealthCheck = () => Promise<string | undefined>;

/** The promise of the product. */
export const HEAL_WITHIN_MS = 30_000;

const ASK_EVERY_MS = 500;

/** Checks give up within seconds: when all of them took longer, the machine itself was suspended, and not the mesh. */
const MAX_ROUND_MS = 10_000;

/** Time, as the wait for health needs it. */
export interface HealingClock {
  nowMs(): number;
  pause(ms: number): Promise<void>;
}

/**
 * Waits until all checks are well at once, after the last fault is healed.
 *
 * @returns how long it took, in milliseconds; undefined, and the invariant is broken, when it takes too long
 */
export async function waitUntilHealed(
  checks: readonly HealthCheck[],
  clock: HealingClock,
  breaks: Break,
): Promise<number | undefined> {
  let tookMs = 0;
  for (;;) {
    const sinceMs = clock.nowMs();
    const ills = (await Promise.all(checks.map((check) => check()))).filter(
      (ill) => ill !== undefined,
    );
    tookMs += Math.min(clock.nowMs() - sinceMs, MAX_ROUND_MS);
    if (ills.length === 0) return tookMs;
    if (tookMs > HEAL_WITHIN_MS) {
      const all = ills.join('; ');
      breaks(`${HEAL_WITHIN_MS / 1_000} s after the last fault this is not well: ${all}`);
      return undefined;
    }
    await clock.pause(ASK_EVERY_MS);
    tookMs += ASK_EVERY_MS;
  }
}
