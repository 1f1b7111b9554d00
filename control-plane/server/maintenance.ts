import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { afterByEither } from '../../common/dates.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import type { Leader } from '../leader/leader.ts';
import { LeaderError } from '../leader/leader-error.ts';

/** Often enough that half of an issuer's life, and of what is kept, is not missed by much. */
const INTERVAL_MS = 60 * 60 * 1000;

/** Maintenance tasks by name; each writes through the store that it is given. */
export type MaintenanceTasks = Readonly<Record<string, (leading: FencedStore) => Promise<void>>>;

/** What maintenance takes. */
export interface MaintenanceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly leader: Pick<Leader, 'isLeader' | 'onChange'>;
  readonly leading: FencedStore;
}

/**
 * Runs the tasks every hour, where this control plane leads, and when it begins to, until it is closed; one that
 * fails is logged and run again the next time.
 */
export function startMaintenance(
  { clock, logger, guard, leader, leading }: MaintenanceOptions,
  tasks: MaintenanceTasks,
): Closeable & { close(): void } {
  let timer: Timer | undefined;
  let closed = false;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    for (const [name, task] of Object.entries(tasks)) {
      if (!leader.isLeader || closed) break;
      try {
        await task(leading);
      } catch (error) {
        if (error instanceof LeaderError) break;
        const line = { event: 'maintenance-failed', chore: name, err: error };
        logger.error(line, `${name} could not be done: ${describeError(error)}`);
      }
    }
  };
  const schedule = (): void => {
    // By date as well: an issuer may have passed half of its life while the machine was suspended.
    timer = afterByEither(clock, INTERVAL_MS, begin);
  };
  /** Once at a time: who begins to lead while it runs is served by the rest of it. */
  const begin = (): void => {
    timer?.cancel();
    running ??= run().finally(() => {
      running = undefined;
      if (!closed) schedule();
    });
    guard.promise('timer', running);
  };
  const stop = leader.onChange(() => {
    if (leader.isLeader && !closed) begin();
  });
  schedule();
  return {
    close() {
      closed = true;
      stop();
      timer?.cancel();
    },
  };
}
