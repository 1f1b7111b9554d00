import type { Logger } from 'pino';

/** Smaller differences are normal. Nothing breaks below five minutes; above, peers may be refused. */
const SKEW_WARNING_MS = 60_000;

/**
 * Warns when this host's clock and the control plane's are more than a minute apart.
 *
 * @param skewMs the control plane's clock minus ours
 */
export function warnOfSkew(logger: Logger, skewMs: number): void {
  if (Math.abs(skewMs) <= SKEW_WARNING_MS) return;
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const direction = skewMs > 0 ? 'behind' : 'ahead of';
  logger.warn(
    { event: 'clock-skew', skewMs },
    `this clock is ${seconds} s ${direction} the control plane's; up to 300 s break nothing, but set it right`,
  );
}
