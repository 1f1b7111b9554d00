import type { Logger } from 'pino';
import type { HostPort } from '../../../common/config/address.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import {
  assertKey,
  assertLeaseTtl,
  assertPrefix,
  assertRangeOptions,
  assertRevision,
  assertTransaction,
  MAX_TRANSACTION_OPERATIONS,
} from '../request-limits.ts';
import { leaseNotFound } from '../store-error.ts';
import type {
  Compare,
  Entry,
  Operation,
  Range,
  RangeOptions,
  Store,
  TransactionResult,
  WatchBatch,
} from '../store.ts';
import { KVService, type Compare as EtcdCompare } from '../../../proto/gen/etcdserverpb/rpc.ts';
import type { EtcdUser } from './auth-token.ts';
import { EtcdClient } from './client.ts';
import { closedError } from './etcd-error.ts';
import { formatLease, KeySpace, ONE_KEY, parseLease } from './key-space.ts';
import { grantLease, keepLeaseAlive, revokeLease } from './leases.ts';
import { Members, type EtcdTls } from './members.ts';
import { readDescending, readRange } from './ranges.ts';
import { Receipts } from './receipts.ts';
import { openSchema } from './schema.ts';
import {
  changedBy,
  isUnder,
  leaseId,
  nothingThere,
  surelyChanges,
  toCompares,
  toRequests,
} from './transaction.ts';
import { EtcdWatch } from './watch.ts';

/** What the store in etcd needs. */
export interface EtcdStoreOptions {
  /** Of its members: one is used, and the next one when that fails. */
  readonly addresses: readonly HostPort[];
  /** Undefined: in plaintext. */
  readonly tls: EtcdTls | undefined;
  /** Undefined where etcd has no users, or knows them by their certificates. */
  readonly user: EtcdUser | undefined;
  /** What all of its keys begin with: a cluster may have other users. */
  readonly prefix: string;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** What the revisions of a store that is new, or empty, are ahead of etcd's; default 0. */
  readonly revisionOffset?: number;
  /** Where there is no store, none is begun. */
  readonly mustExist?: boolean;
}

/** The store in etcd. */
export interface EtcdStore extends Store {
  /** From now on every connection is made with these files. Throws when they cannot be used; nothing changes then. */
  reload(tls: EtcdTls | undefined): void;
  /** etcd's own number for a revision of the store, for commands of etcd. */
  toEtcdRevision(revision: number): number;
}

/**
 * Opens the store in etcd, or begins one where there is nothing.
 *
 * @throws StoreError `unavailable` when no majority answers within CALL_MS; `denied`, `incompatible`
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<EtcdStore> {
  const { addresses, tls, user, prefix, clock, logger } = options;
  const members = new Members(addresses, tls);
  const client = new EtcdClient({ members, user, clock });
  const space = new KeySpace(prefix);
  const receipts = new Receipts({ client, prefix: `${prefix}receipts/`, clock });
  try {
    await openSchema({ ...options, client, space, receipts });
  } catch (error) {
    await leave({ client, receipts, clock });
    throw error;
  }
  const line = { event: 'store-opened', members: client.names, prefix };
  logger.info(line, 'store is open');
  return new OpenedEtcdStore({ client, space, receipts, clock, logger });
}

/** A healthy etcd answers within milliseconds; the end of a control plane does not wait for one that does not answer. */
const LEAVE_MS = 1_000;

interface EtcdStoreParts {
  readonly client: EtcdClient;
  readonly space: KeySpace;
  readonly receipts: Receipts;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

class OpenedEtcdStore implements EtcdStore {
  readonly #parts: EtcdStoreParts;
  readonly #watches = new Set<EtcdWatch>();
  #leaving: Promise<void> | undefined;

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
  }

  async get(key: string): Promise<Entry | undefined> {
    const { client, space } = this.#open();
    assertKey(key);
    const { kvs } = await readRange(client, { key: space.keyOf(key), ...ONE_KEY });
    return kvs[0] === undefined ? undefined : space.toEntry(kvs[0]);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    const { client, space } = this.#open();
    assertPrefix(prefix);
    assertRangeOptions(options);
    const { limit, order } = options;
    const range = space.rangeOf(prefix);
    const { kvs, revision } =
      order === 'descending'
        ? await readDescending(client, range, limit ?? 0)
        : await readRange(client, range, limit === undefined ? {} : { limit });
    return { entries: kvs.map((kv) => space.toEntry(kv)), revision: space.toRevision(revision) };
  }

  async transact(
    compares: readonly Compare[],
    operations: readonly Operation[],
  ): Promise<TransactionResult> {
    const { space, receipts } = this.#open();
    assertTransaction(compares, operations);
    const conditions = toCompares(space, compares);
    const requests = toRequests(space, operations);
    if (!surelyChanges(compares, operations)) {
      const outcome = await this.#changeNothing(conditions, operations);
      if (outcome !== undefined) return outcome;
    }
    const { succeeded, revision, responses } = await receipts.transact(conditions, requests);
    if (succeeded) await this.#told(changedBy(operations, responses), revision);
    return { succeeded, revision: space.toRevision(revision) };
  }

  async watch(
    prefix: string,
    fromRevision: number,
    listener: (batch: WatchBatch) => void,
  ): Promise<Closeable> {
    const parts = this.#open();
    assertPrefix(prefix);
    assertRevision(fromRevision);
    const watch = new EtcdWatch({ ...parts, prefix, fromRevision, listener });
    this.#watches.add(watch);
    try {
      await watch.open();
    } catch (error) {
      this.#watches.delete(watch);
      throw error;
    }
    return {
      close: () => {
        this.#watches.delete(watch);
        watch.close();
      },
    };
  }

  async grantLease(ttlMs: number): Promise<string> {
    const { client } = this.#open();
    assertLeaseTtl(ttlMs);
    return formatLease(await grantLease(client, Math.ceil(ttlMs / 1000)));
  }

  async keepLeaseAlive(lease: string): Promise<void> {
    const { client } = this.#open();
    if (!(await keepLeaseAlive(client, leaseId(lease)))) throw leaseNotFound(lease);
  }

  async revokeLease(lease: string): Promise<void> {
    const { client } = this.#open();
    const id = parseLease(lease);
    if (id !== undefined) await revokeLease(client, id);
  }

  reload(tls: EtcdTls | undefined): void {
    this.#parts.client.reload(tls);
  }

  toEtcdRevision(revision: number): number {
    return this.#parts.space.fromRevision(revision);
  }

  async close(): Promise<void> {
    // Closed again meanwhile, it would end the calls of the first time.
    this.#leaving ??= leave(this.#parts);
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    await this.#leaving;
  }

  /**
   * A receipt would use up a revision. Undefined when there may be something to change.
   */
  async #changeNothing(
    conditions: readonly EtcdCompare[],
    operations: readonly Operation[],
  ): Promise<TransactionResult | undefined> {
    const { client, space } = this.#parts;
    const compare = [...conditions, ...nothingThere(space, operations)];
    if (compare.length > MAX_TRANSACTION_OPERATIONS) return undefined;
    const request = { compare, success: [], failure: [] };
    const { succeeded, header } = await client.call(KVService.txn, request);
    if (!succeeded && operations.length > 0) return undefined;
    return { succeeded, revision: space.toRevision(header?.revision ?? 0) };
  }

  /** As in a store of this process alone, who has written something is told of it before the answer. */
  async #told(changes: readonly Operation[], revision: number): Promise<void> {
    const told = [...this.#watches].filter(({ prefix }) =>
      changes.some((change) => isUnder(prefix, change)),
    );
    await Promise.all(told.map((watch) => watch.told(revision)));
  }

  #open(): EtcdStoreParts {
    if (this.#leaving !== undefined) throw closedError();
    return this.#parts;
  }
}

/** Takes back what this process has in etcd for itself, as far as etcd answers, and ends all calls. */
async function leave({
  client,
  receipts,
  clock,
}: Pick<EtcdStoreParts, 'client' | 'receipts' | 'clock'>): Promise<void> {
  const late = clock.after(LEAVE_MS, () => client.close());
  await receipts.close();
  late.cancel();
  client.close();
}
