import type { Clock } from '../../common/clock.ts';
import type { Health } from '../../common/metrics/telemetry-server.ts';
import { expiresMs } from '../identity/schedule.ts';
import type { IdentitySource } from '../identity/source.ts';

/** Knows whether the sidecar can do its work. */
export interface Readiness {
  /** Ready is: listeners up, a valid certificate, not draining, and not `another` problem. */
  check(another?: string): Health;
  /** There is an identity now; its validity is looked at whenever somebody asks. */
  watch(identity: IdentitySource): void;
  /** All listeners are up. */
  listening(): void;
  /** The sidecar takes nothing new any more. */
  draining(): void;
}

/** Creates the readiness of a sidecar that has just been started. */
export function createReadiness(clock: Clock): Readiness {
  let identity: IdentitySource | undefined;
  let listenersUp = false;
  let isDraining = false;
  const certificateProblem = (): string | undefined => {
    if (identity === undefined) return 'no certificate yet';
    const expiryMs = expiresMs(identity.current());
    if (clock.epochMs() < expiryMs) return undefined;
    return `the certificate expired at ${new Date(expiryMs).toISOString()}`;
  };
  return {
    check(another) {
      const problems = [
        certificateProblem(),
        listenersUp ? undefined : 'not all listeners are up',
        isDraining ? 'draining' : undefined,
        another,
      ];
      const reasons = problems.filter((problem) => problem !== undefined);
      return { ok: reasons.length === 0, reasons };
    },
    watch(source) {
      identity = source;
    },
    listening() {
      listenersUp = true;
    },
    draining() {
      isDraining = true;
    },
  };
}
