import type { Closeable } from '../../common/lifecycle.ts';

/**
 * What is under this prefix, and at VAULT_KEY, is secret: its values are in no log of changes, so that
 * a private key is gone when it is replaced. A watch is told that such a key changed, and not to what.
 */
export const SECRET_PREFIX = 'ca/';

/** How what is secret is unlocked. */
export const VAULT_KEY = 'vault';

/** When the store was restored from a backup, in milliseconds since the epoch; missing when it never was. */
export const RESTORED_KEY = 'restored';

/** Where the state of this store is being moved to, was moved to, or comes from; missing in one that is in use. */
export const MIGRATION_KEY = 'migration';

/** Whether a key is secret. */
export function isSecret(key: string): boolean {
  return key.startsWith(SECRET_PREFIX) || key === VAULT_KEY;
}

/** A key with its value, as it was at some revision of the store. */
export interface Entry {
  readonly key: string;
  readonly value: Buffer;
  /** Revision at which the key was created. */
  readonly createRevision: number;
  /** Revision of the last change of this key; what compare-and-set compares. */
  readonly modRevision: number;
  /** The lease that the key lives on, if it is bound to one. */
  readonly lease?: string;
}

/**
 * A condition of a transaction: the key's last change is exactly this revision; 0 means that the key
 * does not exist.
 */
export interface Compare {
  readonly key: string;
  readonly modRevision: number;
}

/** A change of a transaction. */
export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: Buffer; readonly lease?: string }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'delete-prefix'; readonly prefix: string };

/** The outcome of a transaction. */
export interface TransactionResult {
  /** False when a condition did not hold; then nothing was changed. */
  readonly succeeded: boolean;
  /** The store's revision after the transaction. All changes of one transaction share it. */
  readonly revision: number;
}

/** What happened to one key. */
export type StoreEvent =
  | { readonly kind: 'put'; readonly entry: Entry }
  | { readonly kind: 'delete'; readonly key: string; readonly revision: number }
  /** A secret key was put or deleted: a process that needs its value reads it. See `isSecret`. */
  | { readonly kind: 'secret'; readonly key: string; readonly revision: number };

/** The key that it happened to. */
export function keyOf(event: StoreEvent): string {
  return event.kind === 'put' ? event.entry.key : event.key;
}

/** All events of one revision under the watched prefix, in the order of the transaction. */
export interface WatchBatch {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

/** A consistent read of a prefix. */
export interface Range {
  /** Sorted by key, byte order. */
  readonly entries: readonly Entry[];
  /** The store's revision at the time of the read. */
  readonly revision: number;
}

/** Which part of a prefix to read. */
export interface RangeOptions {
  readonly limit?: number;
  readonly order?: 'ascending' | 'descending';
}

/**
 * All state of the control plane, in etcd's terms (etcd API v3: KV, Watch, Lease): one revision
 * counter for the whole store, multi-key transactions, watches that miss nothing.
 *
 * A promise that resolves means that the change survives a crash of the process and of the machine.
 * Every method throws StoreError: `closed` after `close()`, `invalid` when a request is outside of
 * the limits of request-limits.ts. Values that it returns are shared: do not write into them.
 */
export interface Store extends Closeable {
  get(key: string): Promise<Entry | undefined>;
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  /**
   * Applies all operations if all conditions hold; otherwise changes nothing. A transaction that
   * changes nothing (it only deletes keys that do not exist) uses up no revision. No key may be
   * written twice. A put without a lease takes the key off the lease that it was bound to.
   *
   * Throws `lease-not-found` when a put names a lease that has ended, `full` when there is no space.
   */
  transact(
    compares: readonly Compare[],
    operations: readonly Operation[],
  ): Promise<TransactionResult>;
  /**
   * Delivers every change under the prefix, from the given revision on, in order and without gaps; that of
   * a secret key without its value.
   * Throws `compacted` when that revision is no longer kept: read the range again and watch from
   * its revision + 1. A listener that throws is logged and keeps its watch.
   */
  watch(
    prefix: string,
    fromRevision: number,
    listener: (batch: WatchBatch) => void,
  ): Promise<Closeable>;
  /**
   * A new lease; the keys bound to it are deleted, under one revision, when it is not kept alive for
   * `ttlMs` (an implementation may round that up to whole seconds). After a restart of the store it
   * gets its full time again.
   */
  grantLease(ttlMs: number): Promise<string>;
  /** Restarts the lease's time to live. Throws `lease-not-found` when it has already expired. */
  keepLeaseAlive(lease: string): Promise<void>;
  /** Ends the lease and deletes its keys. Does nothing when it has already expired. */
  revokeLease(lease: string): Promise<void>;
}

/** A store that can be copied while it runs. */
export interface SnapshotStore extends Store {
  /** Everything as of one moment, in a form that only the same kind of store reads. */
  snapshot(): Promise<Buffer>;
}

/** Operations in one transaction, where there may be many. */
const BATCH = 100;

/** Writes without conditions, in as many transactions as it takes. @throws StoreError */
export async function writeInBatches(
  store: Store,
  operations: readonly Operation[],
): Promise<void> {
  for (let at = 0; at < operations.length; at += BATCH) {
    await store.transact([], operations.slice(at, at + BATCH));
  }
}

/** What tells whether an entry is still as it was read. */
export type Unchanged = Pick<Entry, 'key' | 'modRevision'>;

/**
 * Deletes entries that are as they were read. One that was changed since stays: it may be needed again.
 *
 * @throws StoreError
 */
export async function deleteUnchanged(
  store: Pick<Store, 'transact'>,
  entries: readonly Unchanged[],
): Promise<void> {
  const forget = (some: readonly Unchanged[]): Promise<TransactionResult> =>
    store.transact(
      some.map(({ key, modRevision }) => ({ key, modRevision })),
      some.map(({ key }) => ({ kind: 'delete', key })),
    );
  for (let at = 0; at < entries.length; at += BATCH) {
    const batch = entries.slice(at, at + BATCH);
    const { succeeded } = await forget(batch);
    if (!succeeded) for (const entry of batch) await forget([entry]);
  }
}

/** All that a store does, done by this one: for stores that do some of it in another way. */
export function forwarded(store: Store): Store {
  return {
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    transact: (compares, operations) => store.transact(compares, operations),
    watch: (...request) => store.watch(...request),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    keepLeaseAlive: (lease) => store.keepLeaseAlive(lease),
    revokeLease: (lease) => store.revokeLease(lease),
    close: () => store.close(),
  };
}
