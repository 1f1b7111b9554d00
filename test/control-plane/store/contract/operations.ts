import type { Operation, Store, TransactionResult } from '../../../../control-plane/store/store.ts';

/** A put of a text. */
export function put(key: string, value: string, lease?: string): Operation {
  const operation = { kind: 'put', key, value: Buffer.from(value) } as const;
  return lease === undefined ? operation : { ...operation, lease };
}

/** Puts one key, whatever was there. */
export function putKey(
  store: Store,
  key: string,
  value = '',
  lease?: string,
): Promise<TransactionResult> {
  return store.transact([], [put(key, value, lease)]);
}

/** The keys under the prefix. */
export async function keysOf(store: Store, prefix: string): Promise<readonly string[]> {
  return (await store.range(prefix)).entries.map((entry) => entry.key);
}

/** The revision at which the store is now. */
export async function revisionOf(store: Store): Promise<number> {
  return (await store.range('', { limit: 1 })).revision;
}
