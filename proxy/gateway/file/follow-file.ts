import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { describeError } from '../../../common/errors.ts';
import { type FollowedFile, READ_INTERVAL_MS } from '../../../common/files/followed-file.ts';
import { repeat } from '../../../common/repeat.ts';
import { loadGatewayFile, type LoadedListener } from './load.ts';
import type { GatewayMetrics, ReloadOutcome } from '../metrics.ts';
import { watchFiles } from './watch-files.ts';

/** What following a gateway's file takes. */
export interface FollowOptions {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: Pick<GatewayMetrics, 'reloaded'>;
  /** The path of the gateway's file. */
  readonly file: string;
  /** Takes up what the file says; returns whether anything is different now, or throws. */
  readonly apply: (listeners: readonly LoadedListener[]) => Promise<boolean>;
}

/** Reads the file, and follows its changes. Throws ConfigError, and what `apply` throws at first. */
export async function followFile(options: FollowOptions): Promise<FollowedFile> {
  const { clock, logger, metrics, file, apply } = options;
  const watch = watchFiles();
  /** Why it was refused last; undefined while it is in force. */
  let refusal: unknown;
  let turn: Promise<void> = Promise.resolve();
  let closed = false;
  const read = async (): Promise<boolean> =>
    await apply(await loadGatewayFile(file, watch.restart()));

  async function readAgain(): Promise<void> {
    if (closed) return;
    let outcome: ReloadOutcome = 'refused';
    try {
      outcome = (await read()) ? 'applied' : 'unchanged';
      refusal = undefined;
      logger.info({ event: 'reloaded', outcome }, `${file} was read again: ${outcome}`);
    } catch (error) {
      complain(error);
      refusal = error;
    }
    metrics.reloaded(outcome);
  }

  function complain(error: unknown): void {
    const what = describeError(error);
    if (refusal !== undefined && what === describeError(refusal)) return;
    const sentence = `${file} cannot be used, and the gateway keeps its listeners: ${what}`;
    logger.error({ event: 'reload-refused' }, sentence);
  }

  function reload(): Promise<void> {
    // One after the other: each starts from what the one before has made.
    turn = turn.then(readAgain);
    return turn;
  }

  async function look(): Promise<void> {
    // Where there was no descriptor to read it with, there is one without any change of the file.
    const isUnread = refusal instanceof ConfigError && refusal.code === 'file-unreadable';
    if (watch.changed() || isUnread) await reload();
  }

  await read();
  const looking = repeat(clock, READ_INTERVAL_MS, look);
  return {
    async reload() {
      // The caller of a reload wants to be told what is wrong, also when it has been wrong before.
      refusal = undefined;
      await reload();
    },
    stop() {
      closed = true;
      looking.stop();
    },
    async close() {
      closed = true;
      await looking.close();
    },
  };
}
