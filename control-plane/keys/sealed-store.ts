import {
  forwarded,
  SECRET_PREFIX,
  type Entry,
  type Operation,
  type Store,
} from '../store/store.ts';
import { seal, unseal } from './seal.ts';

/**
 * A store in which everything under SECRET_PREFIX is sealed: callers do not have to know. What is not
 * sealed there is refused, so that a foreign key cannot be slipped in.
 */
export function sealedStore(store: Store, dataKey: Buffer): Store {
  const open = (entry: Entry): Entry =>
    entry.key.startsWith(SECRET_PREFIX)
      ? { ...entry, value: unseal(dataKey, entry.key, entry.value) }
      : entry;
  const close = (operation: Operation): Operation =>
    operation.kind === 'put' && operation.key.startsWith(SECRET_PREFIX)
      ? { ...operation, value: seal(dataKey, operation.key, operation.value) }
      : operation;
  return {
    ...forwarded(store),
    async get(key) {
      const entry = await store.get(key);
      return entry === undefined ? undefined : open(entry);
    },
    async range(prefix, options) {
      const range = await store.range(prefix, options);
      return { ...range, entries: range.entries.map(open) };
    },
    transact: (compares, operations) => store.transact(compares, operations.map(close)),
  };
}
