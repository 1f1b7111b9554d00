import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { afterByEither } from '../../common/dates.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';

/** Often enough that half of an issuer's life, and of what is kept, is not missed by much. */
const INTERVAL_MS = 60 * 60 * 1000;

/** Maintenance tasks by name. */
export type MaintenanceTasks = Readonly<Record<string, () => Promise<void>>>;

/** Runs the tasks every hour until it is closed; one that fails is logged and run again the next time. */
export function startMaintenance(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  tasks: MaintenanceTasks,
): Closeable & { close(): void } {
  let timer: Timer | undefined;
  let closed = false;
  const run = async (): Promise<void> => {
    for (const [name, task] of Object.entries(tasks)) {
      try {
        await task();
      } catch (error) {
        const line = { event: 'maintenance-failed', chore: name, err: error };
        logger.error(line, `${name} could not be done: ${describeError(error)}`);
      }
    }
    if (!closed) schedule();
  };
  const schedule = (): void => {
    // By date as well: an issuer may have passed half of its life while the machine was suspended.
    timer = afterByEither(clock, INTERVAL_MS, () => void run());
  };
  schedule();
  return {
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
