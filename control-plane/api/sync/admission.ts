import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import { createRateLimit } from '../../../common/rate-limit.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';
import { RateLimited } from '../request-error.ts';

/**
 * Streams that are being registered at once. They are answered in the order in which they came, so that a second's worth of
 * them is the longest that one waits; more only make all of them wait until they give up.
 */
export const MAX_ADMITTING = 256;

/** So many of those that were sent away are asked back for each second: half of what two busy cores register. */
export const RETURNS_PER_SECOND = 200;

/** A sidecar does not stay away for longer, whatever is asked. */
const LONGEST_WAIT_MS = 60_000;

const LOG_RATE = { burst: 1, perSecond: 1 / 30 };

/** What admitting streams takes. */
export interface AdmissionOptions {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: Pick<ControlPlaneMetrics, 'streamsDelayed'>;
}

/** Who is let in now, and when the others come again. */
export interface Admission {
  /**
   * Takes a place for a stream that has said Hello; to be given back, by what it returns, when that was answered.
   *
   * @throws RateLimited when there is none, with a time of its own for each caller
   */
  enter(): () => void;
}

/**
 * Keeps a control plane from being overrun when all sidecars come at once, as when another one has ended: those
 * that find no place are given times to come again that follow each other, at another control plane or here.
 */
export function createAdmission({ clock, logger, metrics }: AdmissionOptions): Admission {
  const mayLog = createRateLimit(clock, LOG_RATE);
  let admitting = 0;
  /** When the last of those that were sent away comes again. */
  let lastReturnMs = -Infinity;
  return {
    enter() {
      if (admitting >= MAX_ADMITTING) {
        const nowMs = clock.monotonicMs();
        lastReturnMs = Math.max(lastReturnMs, nowMs) + 1_000 / RETURNS_PER_SECOND;
        const waitMs = Math.min(lastReturnMs - nowMs, LONGEST_WAIT_MS);
        metrics.streamsDelayed.inc();
        if (mayLog()) {
          logger.warn(
            { event: 'streams-delayed', retryInMs: Math.round(waitMs) },
            'more sidecars connect at once than can be answered; they are told when to come again',
          );
        }
        throw new RateLimited('sidecars that connect at once', waitMs);
      }
      admitting += 1;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        admitting -= 1;
      };
    },
  };
}
