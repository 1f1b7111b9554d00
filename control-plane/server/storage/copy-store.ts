import { createHash } from 'node:crypto';
import { CONTROL_PLANES_PREFIX } from '../../leader/control-planes.ts';
import { LEADER_KEY } from '../../leader/leader.ts';
import { MAX_TRANSACTION_BYTES } from '../../store/request-limits.ts';
import type { Entry, Operation, Store } from '../../store/store.ts';

/** What was copied. */
export interface StoreContents {
  readonly keys: number;
  /** SHA-256 over keys and values in their order, in hex. */
  readonly digest: string;
}

/** In one transaction. */
const BATCH_KEYS = 100;

/** Sidecars that were registered have this time to come back before their endpoints are removed. */
const LEASE_MS = 60_000;

/**
 * Writes everything that one store has, as of one moment, into another one. Keys that live on a lease live on a new
 * one there; which control planes run is left out.
 *
 * @returns what was written
 * @throws StoreError
 */
export async function copyEntries(from: Store, to: Store): Promise<StoreContents> {
  const entries = await readEntries(from);
  const leases = new Map<string, string>();
  for (const { lease } of entries) {
    if (lease === undefined || leases.has(lease)) continue;
    leases.set(lease, await to.grantLease(LEASE_MS));
  }
  const operations = entries.map(({ key, value, lease }): Operation => {
    const bound = lease === undefined ? undefined : leases.get(lease);
    const put = { kind: 'put', key, value } as const;
    return bound === undefined ? put : { ...put, lease: bound };
  });
  for (const batch of inBatches(operations)) await to.transact([], batch);
  return contentsOf(entries);
}

/** What a store has that would be copied. @throws StoreError */
export async function readContents(store: Store): Promise<StoreContents> {
  return contentsOf(await readEntries(store));
}

async function readEntries(store: Store): Promise<readonly Entry[]> {
  const { entries } = await store.range('');
  return entries.filter(({ key }) => key !== LEADER_KEY && !key.startsWith(CONTROL_PLANES_PREFIX));
}

function contentsOf(entries: readonly Entry[]): StoreContents {
  const hash = createHash('sha256');
  for (const { key, value } of entries) {
    // With their lengths, so that no two stores have the same bytes.
    hash.update(`${Buffer.byteLength(key)} ${value.byteLength} ${key}`).update(value);
  }
  return { keys: entries.length, digest: hash.digest('hex') };
}

/** As many as one transaction takes, by number and by size. */
function* inBatches(operations: readonly Operation[]): Generator<readonly Operation[]> {
  let batch: Operation[] = [];
  let bytes = 0;
  for (const operation of operations) {
    const size = sizeOf(operation);
    if (batch.length === BATCH_KEYS || bytes + size > MAX_TRANSACTION_BYTES) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(operation);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function sizeOf(operation: Operation): number {
  if (operation.kind !== 'put') return 0;
  return Buffer.byteLength(operation.key) + operation.value.byteLength;
}
