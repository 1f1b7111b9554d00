import type { Logger } from 'pino';
import type { ChannelSettings } from '../../common/rpc/channel.ts';
import { probeClock } from '../../common/rpc/clock-probe.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';

/** Smaller differences are normal. Nothing breaks below five minutes; above, peers may be refused. */
const SKEW_WARNING_MS = 60_000;

const PROBE_TIMEOUT_MS = 2_000;

/**
 * Warns when this host's clock and the control plane's are more than a minute apart.
 *
 * @param skewMs the control plane's clock minus ours
 */
export function warnOfSkew(logger: Logger, skewMs: number): void {
  if (Math.abs(skewMs) <= SKEW_WARNING_MS) return;
  logger.warn(
    { event: 'clock-skew', skewMs },
    `${skewSentence(skewMs)}; up to 300 s break nothing, but set it right`,
  );
}

/**
 * Names the clock where it may be the reason for a failure: a refusal carries the server's time, and
 * a server whose certificate is out of date by our clock alone shows by how much at least.
 */
export async function withSkew(
  error: RpcError,
  { address, trustDomain, roots }: ChannelSettings,
  nowMs: number,
): Promise<RpcError> {
  if (error.serverTimeMs !== undefined) {
    const skewMs = error.serverTimeMs - nowMs;
    return Math.abs(skewMs) <= SKEW_WARNING_MS ? error : naming(error, skewSentence(skewMs));
  }
  if (error.code !== 'server-untrusted') return error;
  const aheadMs = await probeClock(
    { address, trustDomain, roots, timeoutMs: PROBE_TIMEOUT_MS },
    nowMs,
  );
  return aheadMs === undefined ? error : naming(error, skewSentence(-aheadMs, 'at least '));
}

function naming(error: RpcError, sentence: string): RpcError {
  const named = new RpcError(error.code, `${error.message}; ${sentence}`, {
    hint: "set the clock of this host, or the control plane's, right",
    cause: error,
  });
  named.serverTimeMs = error.serverTimeMs;
  named.retryAfterMs = error.retryAfterMs;
  return named;
}

function skewSentence(skewMs: number, atLeast = ''): string {
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const direction = skewMs > 0 ? 'behind' : 'ahead of';
  return `this clock is ${atLeast}${seconds} s ${direction} the control plane's`;
}
