import { StoreError } from './store-error.ts';
import type { Compare, Operation, RangeOptions } from './store.ts';

/** Longest key, in bytes of UTF-8: a SPIFFE ID is at most 2,048 bytes and must fit with a prefix. */
const MAX_KEY_BYTES = 4096;

/**
 * Keys and values of one transaction together, with the keys of its conditions: etcd refuses requests above
 * 1.5 MiB, and the rest of that is for prefixes and framing.
 */
export const MAX_TRANSACTION_BYTES = 1024 * 1024;

/**
 * Conditions, and operations, of one transaction: etcd's default for `--max-txn-ops` is 128, of which the store
 * needs one of each itself.
 */
export const MAX_TRANSACTION_OPERATIONS = 127;

/** Shortest lease: below a second a single slow turn of the event loop would end it. */
const MIN_LEASE_TTL_MS = 1000;

/** Longest lease: well below the 24.8 days at which a Node.js timer overflows. */
const MAX_LEASE_TTL_MS = 24 * 60 * 60 * 1000;

const invalid = (message: string, hint?: string): StoreError =>
  new StoreError('invalid', message, { hint });

/** Throws `invalid` unless the key has 1 to MAX_KEY_BYTES bytes of well-formed Unicode. */
export function assertKey(key: string): void {
  if (key === '') throw invalid('a key of the store must not be empty');
  assertPrefix(key);
}

/** Throws `invalid` unless the prefix could begin a key; an empty one means all keys. */
export function assertPrefix(prefix: string): void {
  // A lone surrogate has no UTF-8 form: two different keys would become the same stored key.
  if (!prefix.isWellFormed()) throw invalid('a key of the store must be well-formed Unicode');
  if (prefix.includes('\0')) throw invalid('a key of the store must not contain a NUL character');
  const bytes = Buffer.byteLength(prefix);
  if (bytes > MAX_KEY_BYTES) {
    throw invalid(`a key of the store has at most ${MAX_KEY_BYTES} bytes, not ${bytes}`);
  }
}

/** Throws `invalid` unless the limit, if there is one, is a positive integer. */
export function assertRangeOptions({ limit }: RangeOptions): void {
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
    throw invalid(`the limit of a range must be a positive integer, not ${limit}`);
  }
}

/** Throws `invalid` unless the revision is an integer of at least 0. */
export function assertRevision(revision: number): void {
  if (!Number.isSafeInteger(revision) || revision < 0) {
    throw invalid(`a revision of the store is an integer of at least 0, not ${revision}`);
  }
}

/** Throws `invalid` unless the time to live is an integer in the allowed range. */
export function assertLeaseTtl(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < MIN_LEASE_TTL_MS || ttlMs > MAX_LEASE_TTL_MS) {
    throw invalid(
      `a lease lives for ${MIN_LEASE_TTL_MS} to ${MAX_LEASE_TTL_MS} ms, a whole number, not ${ttlMs}`,
    );
  }
}

/**
 * Throws `invalid` unless every implementation could carry out the transaction: within the limits,
 * and no key written twice (etcd refuses that too, because all changes share one revision).
 */
export function assertTransaction(
  compares: readonly Compare[],
  operations: readonly Operation[],
): void {
  if (Math.max(compares.length, operations.length) > MAX_TRANSACTION_OPERATIONS) {
    throw invalid(
      `a transaction has at most ${MAX_TRANSACTION_OPERATIONS} conditions and as many operations, ` +
        `not ${compares.length} and ${operations.length}`,
      'split it into several transactions',
    );
  }
  for (const compare of compares) {
    assertKey(compare.key);
    assertRevision(compare.modRevision);
  }
  const conditions = compares.reduce((sum, { key }) => sum + Buffer.byteLength(key), 0);
  const bytes = operations.reduce((sum, operation) => sum + operationBytes(operation), conditions);
  if (bytes > MAX_TRANSACTION_BYTES) {
    throw invalid(`a transaction has at most ${MAX_TRANSACTION_BYTES} bytes, not ${bytes}`);
  }
  assertWrittenOnce(operations);
}

function operationBytes(operation: Operation): number {
  switch (operation.kind) {
    case 'put':
      assertKey(operation.key);
      return Buffer.byteLength(operation.key) + operation.value.byteLength;
    case 'delete':
      assertKey(operation.key);
      return Buffer.byteLength(operation.key);
    case 'delete-prefix':
      assertPrefix(operation.prefix);
      return Buffer.byteLength(operation.prefix);
  }
}

function assertWrittenOnce(operations: readonly Operation[]): void {
  const put = new Set<string>();
  for (const operation of operations) {
    if (operation.kind !== 'put') continue;
    if (put.has(operation.key)) {
      throw invalid(`a transaction must not put the key "${operation.key}" twice`);
    }
    put.add(operation.key);
  }
  for (const operation of operations) {
    if (operation.kind === 'put') continue;
    const both =
      operation.kind === 'delete'
        ? put.has(operation.key)
        : [...put].some((key) => key.startsWith(operation.prefix));
    if (both) {
      const target = operation.kind === 'delete' ? operation.key : `${operation.prefix}*`;
      throw invalid(`a transaction must not both put and delete "${target}"`);
    }
  }
}
