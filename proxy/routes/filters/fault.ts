import type { FaultAbort, FaultInjection } from '../../../common/routes/route.ts';

/** What happens to one request on purpose. */
export interface Fault {
  /** 0 when it does not wait. */
  readonly delayMs: number;
  readonly abort: FaultAbort | undefined;
}

/**
 * Draws what happens to a request: whether it waits and whether it is answered, apart from each other.
 *
 * @param random gives numbers in [0, 1)
 */
export function drawFault({ delay, abort }: FaultInjection, random: () => number): Fault {
  const isHit = (percentage: number): boolean => random() * 100 < percentage;
  return {
    delayMs: delay !== undefined && isHit(delay.percentage) ? delay.fixedDelayMs : 0,
    abort: abort !== undefined && isHit(abort.percentage) ? abort : undefined,
  };
}
