import type { Logger } from 'pino';
import { fullJitterMs } from '../../../common/backoff.ts';
import type { Clock, Timer } from '../../../common/clock.ts';
import { afterByEither } from '../../../common/dates.ts';
import { describeError } from '../../../common/errors.ts';
import type { Closeable } from '../../../common/lifecycle.ts';

/** What to renew, and how often. */
export interface SelfRenewalOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What it is, for logs: `server certificate`. */
  readonly name: string;
  readonly lifetimeMs: number;
  /** Makes the next one and takes it into use. The one before stays in use when this fails. */
  readonly renew: () => Promise<void>;
}

/** A failing disk is not helped by haste, and half of the life is left when the first try fails. */
const RETRY = { baseMs: 1_000, capMs: 60_000 };

/** A renewal that goes on for ever. */
export interface SelfRenewal extends Closeable {
  /** Renews now, because what it was made from has changed; tried again until it succeeds. */
  renewNow(): void;
}

/** Renews at half of the life, for ever, until it is closed. The first one is there already. */
export function startSelfRenewal(options: SelfRenewalOptions): SelfRenewal {
  const { clock, logger, name, lifetimeMs, renew } = options;
  let timer: Timer | undefined;
  let failures = 0;
  let closed = false;
  let running = false;
  let again = false;
  let underWay: Promise<void> = Promise.resolve();
  const schedule = (delayMs: number): void => {
    timer?.cancel();
    // A machine that was suspended past it renews when it wakes.
    if (!closed) timer = afterByEither(clock, delayMs, start);
  };
  const run = async (): Promise<void> => {
    // What is under way may have begun with what it was made from before.
    if (running) again = true;
    if (running || closed) return;
    running = true;
    again = false;
    try {
      await renew();
      failures = 0;
      const line = { event: 'own-certificate-renewed', credential: name };
      logger.info(line, `the ${name} was renewed`);
      schedule(lifetimeMs / 2);
    } catch (error) {
      failures += 1;
      const retryInMs = Math.round(fullJitterMs(failures, RETRY));
      logger.error(
        { event: 'own-certificate-renewal-failed', credential: name, retryInMs, err: error },
        `the ${name} could not be renewed, the current one stays: ${describeError(error)}`,
      );
      schedule(retryInMs);
    } finally {
      running = false;
    }
    if (again) await run();
  };
  const start = (): void => {
    const before = underWay;
    underWay = run().then(() => before);
  };
  schedule(lifetimeMs / 2);
  return {
    renewNow: start,
    // What it writes to may be gone after close().
    close() {
      closed = true;
      timer?.cancel();
      return underWay;
    },
  };
}
