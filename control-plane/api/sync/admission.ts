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

/** What registering a stream takes of the time, while that has not been measured. */
export const USUAL_MS = 5;
/** Measured, it is taken for at least and at most so long: a machine that stood still is not slow for ever. */
const BOUNDS_MS = { least: 0.5, most: 20 };
/** Of so many at least, since many are written to the disk at once, and after so many again. */
const MEASURED = { least: 256, most: 1_024 };

/**
 * Of its time a control plane gives so much to those that were sent away. The rest is for those that come for the first
 * time, and for the handshakes of both.
 */
export const RETURNING_SHARE = 0.7;

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
 * that find no place are given times to come again that follow each other, at another control plane or here, as fast as
 * it has registered others while there were always enough to do.
 */
export function createAdmission({ clock, logger, metrics }: AdmissionOptions): Admission {
  const mayLog = createRateLimit(clock, LOG_RATE);
  let admitting = 0;
  /** When the last of those that were sent away comes again. */
  let lastReturnMs = -Infinity;
  let eachMs = USUAL_MS;
  /** Since all places were taken, until half of them are free. */
  let busy: { readonly sinceMs: number; done: number } | undefined;
  const measure = (): void => {
    if (busy === undefined || busy.done < MEASURED.least) return;
    const nowMs = clock.monotonicMs();
    const measuredMs = (nowMs - busy.sinceMs) / busy.done;
    eachMs = Math.min(Math.max(measuredMs, BOUNDS_MS.least), BOUNDS_MS.most);
    if (busy.done >= MEASURED.most) busy = { sinceMs: nowMs, done: 0 };
  };
  return {
    enter() {
      if (admitting >= MAX_ADMITTING) {
        const nowMs = clock.monotonicMs();
        lastReturnMs = Math.max(lastReturnMs, nowMs) + eachMs / RETURNING_SHARE;
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
      if (admitting === MAX_ADMITTING) busy ??= { sinceMs: clock.monotonicMs(), done: 0 };
      let left = false;
      return () => {
        if (left) return;
        left = true;
        admitting -= 1;
        if (busy !== undefined) busy.done += 1;
        measure();
        if (admitting < MAX_ADMITTING / 2) busy = undefined;
      };
    },
  };
}
