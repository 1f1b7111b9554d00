import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Health } from '../../common/metrics/telemetry-server.ts';
import { serialOf } from '../../common/pki/revocation.ts';
import { expiryDateMs, remainingMs } from '../identity/renewal/schedule.ts';
import { skewProblem } from '../identity/skew.ts';
import type { IdentitySource, WorkloadIdentity } from '../identity/source.ts';
import type { RevocationStatus } from '../identity/revocation-status.ts';

/** Knows whether the sidecar can do its work. */
export interface Readiness {
  /**
   * Ready is: listeners up, a certificate that is valid and not revoked, a clock by which certificates can be
   * judged, not draining, and not `another` problem.
   */
  check(another?: string): Health;
  /** There is an identity now; its validity is checked at each request. */
  watch(identity: IdentitySource, revocation: Pick<RevocationStatus, 'revoked'>): void;
  /** All listeners are up. */
  listening(): void;
  /** The sidecar takes nothing new any more. */
  draining(): void;
}

/** Creates the readiness of a sidecar that has just been started. */
export function createReadiness(clock: Clock): Readiness {
  let identity: IdentitySource | undefined;
  let revocation: Pick<RevocationStatus, 'revoked'> | undefined;
  let listenersUp = false;
  let isDraining = false;
  const certificateProblem = (): string | undefined => {
    if (identity === undefined) return 'no certificate yet';
    const current = identity.current();
    if (remainingMs(current, clock) > 0)
      return revocationOf(current, revocation) ?? skewProblem(current, clock);
    return `the certificate expired at ${new Date(expiryDateMs(current, clock)).toISOString()}`;
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
    watch(source, ofControlPlane) {
      identity = source;
      revocation = ofControlPlane;
    },
    listening() {
      listenersUp = true;
    },
    draining() {
      isDraining = true;
    },
  };
}

/** As the control plane has said it to us, or to all sidecars in an earlier run. */
function revocationOf(
  { spiffeId, chain, bundle }: WorkloadIdentity,
  revocation: Pick<RevocationStatus, 'revoked'> | undefined,
): string | undefined {
  if (revocation?.revoked !== undefined) return describeError(revocation.revoked);
  const listed = bundle.revocations?.find(spiffeId.uri, chain[0]) !== undefined;
  return listed
    ? `the certificate ${serialOf(chain[0])} of ${spiffeId.uri} was revoked`
    : undefined;
}
