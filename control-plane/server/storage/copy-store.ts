import { CONTROL_PLANES_PREFIX } from '../../leader/control-planes.ts';
import { LEADER_KEY } from '../../leader/leader.ts';
import { RETAINED_PREFIX, RETAINED_TTL_MS } from '../../registry/addresses/retained-addresses.ts';
import { SESSION_TTL_MS } from '../../registry/session-lease.ts';
import { MAX_TRANSACTION_BYTES } from '../../store/request-limits.ts';
import {
  MIGRATION_KEY,
  type Compare,
  type Entry,
  type Operation,
  type Store,
} from '../../store/store.ts';

/** A key with its value, and whether it lives on a lease. */
export type CopiedEntry = Pick<Entry, 'key' | 'value' | 'lease'>;

/** In one transaction. */
const BATCH_KEYS = 100;

/** Writes everything that one store has, as of one moment, into another one. @throws StoreError */
export async function copyEntries(from: Store, to: Store): Promise<void> {
  await writeEntries(to, (await readEntries(from)).entries, (operations) =>
    to.transact([], operations),
  );
}

/**
 * Everything of a store as of one moment, but for which control planes run.
 *
 * @throws StoreError
 */
export async function readEntries(
  from: Store,
): Promise<{ readonly entries: readonly Entry[]; readonly revision: number }> {
  const { entries, revision } = await from.range('');
  return {
    entries: entries.filter(({ key }) => key !== MIGRATION_KEY && !isPresence(key)),
    revision,
  };
}

/** Whether the key says that a control plane runs. */
export function isPresence(key: string): boolean {
  return key === LEADER_KEY || key.startsWith(CONTROL_PLANES_PREFIX);
}

/**
 * Writes entries into a store, with `write`, in as many transactions as it takes. What lives on a lease lives on a new
 * one there, which has its full time when everything is written.
 *
 * @throws StoreError
 */
export async function writeEntries(
  to: Store,
  entries: readonly CopiedEntry[],
  write: (operations: readonly Operation[]) => Promise<unknown>,
): Promise<void> {
  const leases = new Map<number, string>();
  const operations: Operation[] = [];
  for (const { key, value, lease } of entries) {
    const put = { kind: 'put', key, value } as const;
    if (lease === undefined) {
      operations.push(put);
      continue;
    }
    const ttlMs = key.startsWith(RETAINED_PREFIX) ? RETAINED_TTL_MS : SESSION_TTL_MS;
    const bound = leases.get(ttlMs) ?? (await to.grantLease(ttlMs));
    leases.set(ttlMs, bound);
    operations.push({ ...put, lease: bound });
  }
  for (const batch of inBatches(operations)) {
    await write(batch);
    for (const lease of leases.values()) await to.keepLeaseAlive(lease);
  }
}

/** The condition that a key was not written since. */
export function unchanged(key: string, entry: Pick<Entry, 'modRevision'> | undefined): Compare {
  return { key, modRevision: entry?.modRevision ?? 0 };
}

/** As many as one transaction takes, by number and by size. */
export function* inBatches(operations: readonly Operation[]): Generator<readonly Operation[]> {
  let batch: Operation[] = [];
  let bytes = 0;
  for (const operation of operations) {
    const size = sizeOf(operation);
    if (batch.length === BATCH_KEYS || (bytes > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(operation);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** A transaction has a condition as well. */
const BATCH_BYTES = MAX_TRANSACTION_BYTES - 1024;

function sizeOf(operation: Operation): number {
  if (operation.kind !== 'put') return 0;
  return Buffer.byteLength(operation.key) + operation.value.byteLength;
}
