import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { repeat } from '../../common/repeat.ts';
import { StoreError } from './store-error.ts';
import { forwarded, type Store } from './store.ts';

/** A store, and whether it can be written. */
export interface WritableStore extends Closeable {
  readonly store: Store;
  /** Why nothing can be written now, in a sentence; undefined while it can. */
  readonly problem: string | undefined;
}

/** What watching it takes. */
export interface WritableStoreOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes something as the store would, beside it; throws the system's error. */
  readonly probe: () => Promise<void>;
}

/** A full disk is noticed within this time, and so is one that has room again. */
export const PROBE_INTERVAL_MS = 5_000;

/** Written when the store could not be written before: that, and not a file beside it, has to work. */
const PROBE_KEY = 'write-probe';

/**
 * The same store, with an eye on whether it takes writes: by those that are made, and by a probe every
 * few seconds, so that a control plane which could issue nothing does not call itself ready.
 */
export function watchWrites(store: Store, options: WritableStoreOptions): WritableStore {
  const { clock, logger, probe } = options;
  let problem: string | undefined;
  let closed = false;
  const failed = (error: unknown): void => {
    const sentence = describeError(error);
    if (problem === undefined) {
      logger.error({ event: 'store-not-writable' }, `nothing can be issued: ${sentence}`);
    }
    problem = sentence;
  };
  const worked = (): void => {
    if (problem !== undefined) {
      logger.info({ event: 'store-writable' }, 'the store can be written again');
    }
    problem = undefined;
  };
  const transact: Store['transact'] = async (compares, operations) => {
    try {
      const result = await store.transact(compares, operations);
      // One whose conditions did not hold, or that had nothing to change, has not written.
      if (result.succeeded && operations.length > 0) worked();
      return result;
    } catch (error) {
      const isOfTheDisk =
        error instanceof StoreError && (error.code === 'full' || error.code === 'unavailable');
      if (isOfTheDisk) failed(error);
      throw error;
    }
  };
  const look = async (): Promise<void> => {
    try {
      await probe();
      const value = Buffer.from(String(clock.epochMs()));
      if (problem !== undefined) await transact([], [{ kind: 'put', key: PROBE_KEY, value }]);
    } catch (error) {
      if (!closed) failed(error);
    }
  };
  const looks = repeat(clock, PROBE_INTERVAL_MS, look);
  return {
    get problem() {
      return problem;
    },
    store: {
      ...forwarded(store),
      transact,
    },
    close() {
      closed = true;
      // One that is under way would leave its file behind.
      return looks.close();
    },
  };
}
