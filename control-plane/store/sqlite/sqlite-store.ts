import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import {
  assertKey,
  assertLeaseTtl,
  assertPrefix,
  assertRangeOptions,
  assertRevision,
  assertTransaction,
} from '../request-limits.ts';
import { leaseNotFound, StoreError } from '../store-error.ts';
import type {
  Compare,
  Entry,
  Operation,
  Range,
  RangeOptions,
  SnapshotStore,
  TransactionResult,
  WatchBatch,
} from '../store.ts';
import { applyGrant, applyLeaseEnd, applyTransaction } from './apply.ts';
import { CHANGE_LOG_LIMITS, type ChangeLogLimits } from './change-log.ts';
import type { Draft } from './draft.ts';
import { LeaseTimers } from './lease-timers.ts';
import { openDatabase } from './open-database.ts';
import { snapshotOf } from './snapshot.ts';
import { toStoreError } from './sqlite-error.ts';
import { openTables, type Tables } from './tables.ts';
import { WatchHub } from './watch-hub.ts';
import { WriteQueue } from './write-queue.ts';

/** What the SQLite store needs. */
export interface SqliteStoreOptions {
  /** The database file; it and its directory are created when missing, for this user alone. */
  readonly path: string;
  /** Times the leases. */
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** How much of the past is kept for watches; default CHANGE_LOG_LIMITS. */
  readonly changeLogLimits?: ChangeLogLimits;
  /** What the revisions of a new store begin after; default 0. */
  readonly revisionOffset?: number;
  /** The file grows to about this and is then `full`; default: as long as the disk has space. */
  readonly maxBytes?: number;
}

/**
 * Opens the store in a SQLite file, which it locks for this process until it is closed. Leases that
 * it finds get their full time to live again.
 *
 * @throws {StoreError} `locked`, `corrupt`, `incompatible`, `full` or `unavailable`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SnapshotStore> {
  const database = openDatabase(options.path, options.maxBytes);
  try {
    return new SqliteStore(database, options);
  } catch (error) {
    database.close();
    throw toStoreError(error, options.path);
  }
}

class SqliteStore implements SnapshotStore {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #database: DatabaseSync;
  readonly #tables: Tables;
  readonly #queue: WriteQueue;
  readonly #watches: WatchHub;
  readonly #leases: LeaseTimers;
  #closed = false;

  constructor(database: DatabaseSync, options: SqliteStoreOptions) {
    const {
      path,
      clock,
      logger,
      changeLogLimits = CHANGE_LOG_LIMITS,
      revisionOffset = 0,
    } = options;
    this.#path = path;
    this.#logger = logger;
    this.#database = database;
    this.#tables = openTables(database, changeLogLimits);
    if (this.#tables.readState().revision === 0) {
      this.#tables.writeState({ revision: revisionOffset, compactedRevision: revisionOffset });
    }
    this.#watches = new WatchHub(logger);
    this.#queue = new WriteQueue({
      database,
      tables: this.#tables,
      onCommitted: (batches) => this.#watches.publish(batches),
    });
    this.#leases = new LeaseTimers({ clock, logger, end: (lease) => this.#endLease(lease) });
    const leases = this.#tables.leases.all();
    for (const lease of leases) this.#leases.start(lease);
    const { revision } = this.#queue.state;
    const line = { event: 'store-opened', path, revision, leaseCount: leases.length };
    logger.info(line, 'store is open');
  }

  async get(key: string): Promise<Entry | undefined> {
    assertKey(key);
    return this.#read(() => this.#tables.entries.get(key));
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    assertPrefix(prefix);
    assertRangeOptions(options);
    return this.#read(() => ({
      entries: this.#tables.entries.range(prefix, options),
      revision: this.#queue.state.revision,
    }));
  }

  async transact(
    compares: readonly Compare[],
    operations: readonly Operation[],
  ): Promise<TransactionResult> {
    assertTransaction(compares, operations);
    // The caller may reuse its arrays and buffers before the turn's writes are committed.
    const conditions = compares.map((compare) => ({ ...compare }));
    const changes = operations.map((operation) =>
      operation.kind === 'put'
        ? { ...operation, value: Buffer.from(operation.value) }
        : { ...operation },
    );
    const result = await this.#write((draft) => applyTransaction(draft, conditions, changes));
    if (result instanceof StoreError) throw result;
    return result;
  }

  async watch(
    prefix: string,
    fromRevision: number,
    listener: (batch: WatchBatch) => void,
  ): Promise<Closeable> {
    assertPrefix(prefix);
    assertRevision(fromRevision);
    return this.#read(() => {
      const { compactedRevision } = this.#queue.state;
      if (fromRevision <= compactedRevision) {
        const sentence = `changes are kept from revision ${compactedRevision + 1}, not from ${fromRevision}`;
        const hint = 'read the range again and watch from its revision + 1';
        throw new StoreError('compacted', sentence, { hint });
      }
      const backlog = this.#tables.changes.since(prefix, fromRevision);
      return this.#watches.open({ prefix, fromRevision, listener }, backlog);
    });
  }

  async grantLease(ttlMs: number): Promise<string> {
    assertLeaseTtl(ttlMs);
    const lease = { id: randomBytes(8).toString('hex'), ttlMs };
    await this.#write((draft) => applyGrant(draft, lease));
    this.#leases.start(lease);
    return lease.id;
  }

  async keepLeaseAlive(lease: string): Promise<void> {
    this.#assertOpen();
    if (!this.#leases.keepAlive(lease)) throw leaseNotFound(lease);
  }

  async revokeLease(lease: string): Promise<void> {
    await this.#endLease(lease);
    this.#leases.forget(lease);
  }

  async snapshot(): Promise<Buffer> {
    this.#assertOpen();
    this.#queue.flush();
    try {
      return await snapshotOf(this.#database, this.#path);
    } catch (error) {
      throw toStoreError(error, this.#path);
    }
  }

  /** Writes that were asked for are committed first; watches end at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leases.close();
    this.#watches.close();
    this.#queue.flush();
    try {
      this.#database.close();
    } catch (error) {
      const { code, message } = toStoreError(error, this.#path);
      this.#logger.error({ event: 'store-close-failed', code, err: error }, message);
    }
  }

  #endLease(lease: string): Promise<void> {
    return this.#write((draft) => applyLeaseEnd(draft, lease));
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError('closed', `the store ${this.#path} was closed`);
  }

  #read<T>(read: () => T): T {
    this.#assertOpen();
    try {
      return read();
    } catch (error) {
      throw toStoreError(error, this.#path);
    }
  }

  async #write<T>(write: (draft: Draft) => T): Promise<T> {
    this.#assertOpen();
    try {
      return await this.#queue.run(write);
    } catch (error) {
      throw toStoreError(error, this.#path);
    }
  }
}
