import { fullJitterMs } from '../../../common/backoff.ts';
import { sleep } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { callAny } from '../../../common/rpc/control-plane-targets.ts';
import { isPassing, RpcError } from '../../../common/rpc/rpc-error.ts';
import { issue } from '../issue.ts';
import { renewOverOpen } from './renew-over-open.ts';
import type { IdentityManagerSettings } from '../manager-settings.ts';
import type { WorkloadIdentity } from '../source.ts';

const TRY_TIMEOUT_MS = 5_000;
/** Nothing is served before; the same pauses as at enrolment. */
const BACKOFF = { baseMs: 500, capMs: 5_000 };
const LOG_INTERVAL_MS = 5_000;

/**
 * Asks for a new certificate with the one that there is, expired or not: over the connection that is open, or else one
 * control plane after the other.
 */
export async function renewWith(
  settings: IdentityManagerSettings,
  current: WorkloadIdentity,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<WorkloadIdentity> {
  const { clock, controlPlanes, lifetimeMs, spiffeId } = settings;
  const { roots, trustDomain } = current.bundle;
  const next = await renewOverOpen(settings, current, { timeoutMs, signal });
  if (next !== undefined) return next;
  return await callAny(controlPlanes, (address, mostMs) => {
    const channel = { address, trustDomain, roots, identity: current };
    const within = { timeoutMs: Math.min(timeoutMs, mostMs), clock, signal };
    return issue({ spiffeId, channel, lifetimeMs, ...within });
  });
}

/**
 * At a start: comes back with the expired certificate of the last run. Waits for a control plane that
 * is not there yet.
 *
 * @returns why the control plane refused, when it did
 * @throws RpcError `cancelled`
 */
export async function recover(
  settings: IdentityManagerSettings,
  expired: WorkloadIdentity,
  signal: AbortSignal,
): Promise<WorkloadIdentity | RpcError> {
  const { clock, logger, random } = settings;
  let loggedMs = -Infinity;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await renewWith(settings, expired, { timeoutMs: TRY_TIMEOUT_MS, signal });
    } catch (error) {
      if (isFinal(error)) return error;
      if (!(error instanceof RpcError) || signal.aborted) throw error;
      if (clock.monotonicMs() - loggedMs >= LOG_INTERVAL_MS) {
        loggedMs = clock.monotonicMs();
        logger.warn(
          { event: 'recovery-waiting', reason: error.code },
          `waiting for the control plane to renew an expired certificate: ${describeError(error)}`,
        );
      }
      const ownMs = fullJitterMs(attempt, BACKOFF, random);
      const delayMs = Math.max(ownMs, settings.controlPlanes.askedMs());
      await sleep(clock, delayMs, signal).catch((cause: unknown) => {
        throw new RpcError('cancelled', 'the renewal was cancelled', { cause });
      });
    }
  }
}

/** A decision of the control plane, or of who is taken for it, that another try does not change. */
export function isFinal(error: unknown): error is RpcError {
  return error instanceof RpcError && !isPassing(error.code);
}
