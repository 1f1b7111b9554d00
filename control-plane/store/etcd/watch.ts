import type { Logger } from 'pino';
import { fullJitterMs } from '../../../common/backoff.ts';
import { sleep, type MonotonicClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { ignoreError, mayReject } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { Event_EventType, type Event } from '../../../proto/gen/etcdserverpb/rpc.ts';
import { StoreError } from '../store-error.ts';
import type { WatchBatch } from '../store.ts';
import { CALL_MS, type EtcdClient } from './client.ts';
import { compactedError } from './etcd-error.ts';
import type { EtcdRange, KeySpace } from './key-space.ts';
import { readPast, readRange } from './ranges.ts';
import { streamChanges } from './watch-stream.ts';

/** Before a watch is begun again: the first time at once, nearly, because another member is there. */
const RETRY = { baseMs: 50, capMs: 1_000 };

/** While etcd is away every watch is begun again some times a second: one line of each, and one every so often. */
const LOG_INTERVAL_MS = 30_000;

/** For so long a transaction waits until the watches have told of it; then its answer is not held back. */
const TOLD_WITHIN_MS = 1_000;

/** What a watch takes. */
export interface WatchOptions {
  readonly client: EtcdClient;
  readonly space: KeySpace;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly prefix: string;
  /** The store's. */
  readonly fromRevision: number;
  readonly listener: (batch: WatchBatch) => void;
}

/**
 * One watch, which outlives members and connections:
 *
 *     open ──> following ──stream failed──> following, at another member, from the revision after the last one told
 *                  ^ └─────compacted──────> reading all, told as one batch of what differs ──┐
 *                  └─────────────────────────────────────────────────────────────────────────┘
 *
 * To know what differs it keeps the revision of each key that it has told of. etcd sends from the revision that was
 * told last, and not from the next one: a delete at the very revision that was compacted is lost to etcd (before 3.6),
 * and so that case, too, is one of `compacted`.
 */
export class EtcdWatch implements Closeable {
  readonly #options: WatchOptions;
  readonly #range: EtcdRange;
  /** etcd's; what is before it is not told. */
  readonly #from: number;
  /** By key, of all that was told, with what was there before. */
  #known = new Map<string, number>();
  /** Everything up to it was told. */
  #revision = 0;
  /** What has come before the caller has the watch. */
  #early: (() => void)[] | undefined = [];
  readonly #waiting = new Set<{ readonly revision: number; readonly resolve: () => void }>();
  readonly #ending = new AbortController();

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#range = options.space.rangeOf(options.prefix);
    this.#from = options.space.fromRevision(options.fromRevision);
  }

  get prefix(): string {
    return this.#options.prefix;
  }

  /** Begins; resolves when etcd watches. @throws StoreError `compacted`, `unavailable` */
  async open(): Promise<void> {
    const { client, space, clock } = this.#options;
    if (this.#from < 1 && space.revisionOffset > 0) throw compactedError();
    const past = await readPast(client, this.#range, Math.max(1, this.#from - 1));
    this.#know(past.kvs, Math.min(past.revision, Math.max(1, this.#from - 1)));
    const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
    mayReject(this.#follow(resolve));
    const late = clock.after(CALL_MS, () =>
      reject(new StoreError('unavailable', `etcd (${client.names}) did not begin a watch`)),
    );
    client.closed.addEventListener('abort', () => this.close(), { signal: this.#ending.signal });
    this.#ending.signal.addEventListener('abort', () => reject(closed()));
    try {
      await begun;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      late.cancel();
    }
    // The caller has it by then.
    setImmediate(() => {
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const take of early) take();
    });
  }

  /** Resolves when everything up to etcd's revision was told, or when that takes long. */
  async told(revision: number): Promise<void> {
    if (this.#revision >= revision || this.#ending.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { revision, resolve };
    this.#waiting.add(waiter);
    const timer = this.#options.clock.after(TOLD_WITHIN_MS, resolve);
    await promise;
    timer.cancel();
    this.#waiting.delete(waiter);
  }

  /** Nothing is told any more. */
  close(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(closed());
    for (const { resolve } of this.#waiting) resolve();
  }

  async #follow(onBegun: () => void): Promise<void> {
    const { client, clock, logger, prefix } = this.#options;
    const { signal } = this.#ending;
    let failures = 0;
    let loggedMs = -Infinity;
    while (!signal.aborted) {
      try {
        await streamChanges({
          client,
          clock,
          range: this.#range,
          startRevision: this.#revision,
          signal,
          onCreated() {
            failures = 0;
            onBegun();
          },
          onEvents: (events) => this.#afterHandOver(() => this.#take(events)),
        });
        await this.#catchUp();
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const nowMs = clock.monotonicMs();
        // A member that restarts, or an election, is no trouble.
        const isTrouble = failures > 3 && nowMs - loggedMs >= LOG_INTERVAL_MS;
        if (isTrouble) loggedMs = nowMs;
        const line = { event: 'watch-interrupted', prefix, attempt: failures, err: error };
        const sentence = `changes of the store are not followed just now: ${describeError(error)}`;
        logger[isTrouble ? 'warn' : 'debug'](line, sentence);
        await sleep(clock, fullJitterMs(failures, RETRY), signal).catch(ignoreError);
      }
    }
  }

  /** The stream may be told of the past before the caller of `watch` has its watch. */
  #afterHandOver(take: () => void): void {
    if (this.#early === undefined) take();
    else this.#early.push(take);
  }

  /** All changes of one revision come together, and in the order of the transaction. */
  #take(events: readonly Event[]): void {
    const { space } = this.#options;
    for (const [revision, changes] of Map.groupBy(events, ({ kv }) => kv?.modRevision ?? 0)) {
      if (revision <= this.#revision) continue;
      for (const { type, kv } of changes) {
        if (kv === undefined) continue;
        if (type === Event_EventType.PUT) this.#known.set(space.nameOf(kv.key), revision);
        else this.#known.delete(space.nameOf(kv.key));
      }
      this.#revision = revision;
      this.#tell(revision, changes);
    }
  }

  /** Tells what differs between what was told last and now. */
  async #catchUp(): Promise<void> {
    const { client, space, logger, prefix } = this.#options;
    const { kvs, revision } = await readRange(client, this.#range);
    this.#afterHandOver(() => {
      if (revision <= this.#revision) return;
      const present = new Set(kvs.map(({ key }) => space.nameOf(key)));
      const gone = [...this.#known.keys()].filter((key) => !present.has(key));
      const deletes = gone.map((key) => deletion(space.keyOf(key), revision));
      const puts = kvs
        .filter(({ key, modRevision }) => this.#known.get(space.nameOf(key)) !== modRevision)
        .sort((a, b) => a.modRevision - b.modRevision)
        .map((kv) => ({ type: Event_EventType.PUT, kv }));
      this.#know(kvs, revision);
      logger.info(
        { event: 'watch-caught-up', prefix, changeCount: deletes.length + puts.length },
        'changes were compacted before they were seen here; what differs was read',
      );
      this.#tell(revision, [...deletes, ...puts]);
    });
  }

  #know(kvs: readonly { readonly key: Buffer; readonly modRevision: number }[], at: number): void {
    const { space } = this.#options;
    this.#known = new Map(kvs.map(({ key, modRevision }) => [space.nameOf(key), modRevision]));
    this.#revision = at;
  }

  #tell(etcdRevision: number, changes: readonly Event[]): void {
    const { space, listener, logger, prefix } = this.#options;
    if (this.#ending.signal.aborted) return;
    const events = changes.flatMap((change) => space.toEvent(change) ?? []);
    if (etcdRevision >= this.#from && events.length > 0) {
      try {
        listener({ revision: space.toRevision(etcdRevision), events });
      } catch (error) {
        const line = { event: 'watch-listener-failed', prefix, err: error };
        logger.error(line, `a listener of the store threw: ${describeError(error)}`);
      }
    }
    for (const { revision, resolve } of this.#waiting) if (revision <= etcdRevision) resolve();
  }
}

function deletion(key: Buffer, modRevision: number): Event {
  const kv = { key, modRevision, createRevision: 0, value: Buffer.alloc(0), lease: 0 };
  return { type: Event_EventType.DELETE, kv };
}

function closed(): StoreError {
  return new StoreError('closed', 'the watch was closed');
}
