import { describeError } from '../../../common/errors.ts';
import { JoinTokenError } from '../../../common/pki/join-token/join-token-error.ts';
import { enrolOnce } from '../enrol.ts';
import type { IdentityManagerSettings } from '../manager-settings.ts';
import { isFinal, renewWith } from './recover.ts';
import { remainingMs, tryTimeoutMs } from './schedule.ts';
import type { WorkloadIdentity } from '../source.ts';
import { isRevocation } from '../revocation-status.ts';

/** One try to get the next certificate. */
export type RenewalTry = (
  current: WorkloadIdentity,
  signal: AbortSignal,
) => Promise<WorkloadIdentity>;

/**
 * Makes the tries of one sidecar: with the certificate in use, expired or not. One that is refused for
 * good because it was revoked, or is beyond renewal, gives way to a join token, where there is one that
 * was not refused for good before.
 *
 * A try rejects with RpcError; with the refusal of the certificate when the token does not help either.
 */
export function createRenewalTry(settings: IdentityManagerSettings): RenewalTry {
  const { clock, logger, tokens } = settings;
  /** It will not become good, and each time that it is shown counts as a guess. */
  let useless: string | undefined;
  return async (current, signal) => {
    const leftMs = remainingMs(current, clock);
    try {
      return await renewWith(settings, current, { timeoutMs: tryTimeoutMs(leftMs), signal });
    } catch (refusal) {
      const isBeyondRenewal = leftMs <= 0 && isFinal(refusal);
      if (!isRevocation(refusal) && !isBeyondRenewal) throw refusal;
      const token = await tokens?.read();
      if (token === undefined || token === useless) throw refusal;
      try {
        return await enrolOnce({ ...settings, token, signal });
      } catch (error) {
        // A revoked identity may be readmitted, and then the same token is valid.
        if (isRevocation(error)) throw error;
        if (!(error instanceof JoinTokenError) && !isFinal(error)) throw error;
        useless = token;
        const line = { event: 'token-refused', reason: error.code };
        logger.warn(line, `the join token was refused, too: ${describeError(error)}`);
        throw refusal;
      }
    }
  };
}
