import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { loadGatewayFile, type LoadedListener } from './load.ts';
import type { GatewayMetrics, ReloadOutcome } from './metrics.ts';
import { watchFiles } from './watch-files.ts';

/** What following a gateway's file takes. */
export interface FollowOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<GatewayMetrics, 'reloaded'>;
  /** The path of the gateway's file. */
  readonly file: string;
  /** Takes up what the file says; returns whether anything is different now, or throws. */
  readonly apply: (listeners: readonly LoadedListener[]) => Promise<boolean>;
}

/** A file that is read again when it, or what it names, changes. */
export interface FollowedFile extends Closeable {
  /** Reads it again now; one that cannot be used changes nothing. */
  reload(): Promise<void>;
  close(): void;
}

/** Reads the file, and follows its changes. Throws ConfigError, and what `apply` throws at first. */
export async function followFile(options: FollowOptions): Promise<FollowedFile> {
  const { clock, logger, metrics, file, apply } = options;
  const watch = watchFiles(clock, () => void reload());
  let turn: Promise<void> = Promise.resolve();
  let closed = false;
  const read = async (): Promise<boolean> => await apply(loadGatewayFile(file, watch.restart()));

  async function readAgain(): Promise<void> {
    if (closed) return;
    let outcome: ReloadOutcome = 'refused';
    try {
      outcome = (await read()) ? 'applied' : 'unchanged';
      logger.info({ event: 'reloaded', outcome }, `${file} was read again: ${outcome}`);
    } catch (error) {
      const sentence = `${file} cannot be used, and the gateway goes on as before: ${describeError(error)}`;
      logger.error({ event: 'reload-refused' }, sentence);
    }
    metrics.reloaded(outcome);
  }

  function reload(): Promise<void> {
    // One after the other: each starts from what the one before has made.
    turn = turn.then(readAgain);
    return turn;
  }

  try {
    await read();
  } catch (error) {
    watch.close();
    throw error;
  }
  return {
    reload,
    close() {
      closed = true;
      watch.close();
    },
  };
}
