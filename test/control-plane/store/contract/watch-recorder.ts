import type { ExecutionContext } from 'ava';
import type { Store, StoreEvent, WatchBatch } from '../../../../control-plane/store/store.ts';
import { within } from '../../../helpers/deadline.ts';
import { putKey } from './operations.ts';

/** A watch that remembers what it was given. */
export interface WatchRecorder {
  readonly batches: readonly WatchBatch[];
  /** Everything so far in short: `revision: +key=value -key ?secret`. */
  readonly lines: readonly string[];
  /** Resolves when the condition holds; fails, naming what did not happen, at a deadline. */
  until(what: string, condition: (batches: readonly WatchBatch[]) => boolean): Promise<void>;
  /** Resolves when the batch of the revision has been delivered, and leaves it out of the record. */
  untilRevision(revision: number): Promise<void>;
  /**
   * Resolves when everything that was committed before this call has been delivered: puts the key
   * (under the watched prefix), waits for it, and leaves that batch out of the record.
   */
  settled(key: string): Promise<void>;
  close(): void | Promise<void>;
}

function describe(event: StoreEvent): string {
  if (event.kind === 'delete') return `-${event.key}`;
  if (event.kind === 'secret') return `?${event.key}`;
  return `+${event.entry.key}=${event.entry.value.toString()}`;
}

/** Watches the prefix; ends with the test. */
export async function recordWatch(
  t: ExecutionContext,
  store: Store,
  prefix: string,
  fromRevision: number,
): Promise<WatchRecorder> {
  const batches: WatchBatch[] = [];
  let check = (): void => {};
  const watch = await store.watch(prefix, fromRevision, (batch) => {
    batches.push(batch);
    check();
  });
  t.teardown(() => watch.close());
  const until: WatchRecorder['until'] = async (what, condition) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    check = () => {
      if (condition(batches)) resolve();
    };
    check();
    await within(what, promise).finally(() => {
      check = () => {};
    });
  };
  const untilRevision: WatchRecorder['untilRevision'] = async (revision) => {
    await until(`the batch of revision ${revision}`, () => batches.at(-1)?.revision === revision);
    batches.pop();
  };
  return {
    batches,
    get lines() {
      return batches.map(({ revision, events }) => [revision, ...events.map(describe)].join(' '));
    },
    until,
    untilRevision,
    async settled(key) {
      await untilRevision((await putKey(store, key)).revision);
    },
    close: () => watch.close(),
  };
}
