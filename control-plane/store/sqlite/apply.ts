import { leaseNotFound, type StoreError } from '../store-error.ts';
import type { Compare, Operation, StoreEvent, TransactionResult } from '../store.ts';
import type { Draft } from './draft.ts';
import type { StoredLease, Tables } from './tables.ts';

/**
 * Applies the operations if all conditions hold. A missing lease is returned, not thrown, before
 * anything is changed: the other writes of the group go on.
 */
export function applyTransaction(
  draft: Draft,
  compares: readonly Compare[],
  operations: readonly Operation[],
): TransactionResult | StoreError {
  const { entries, leases } = draft.tables;
  const holds = compares.every(
    ({ key, modRevision }) => (entries.get(key)?.modRevision ?? 0) === modRevision,
  );
  if (!holds) return { succeeded: false, revision: draft.revision };
  for (const operation of operations) {
    if (operation.kind !== 'put' || operation.lease === undefined) continue;
    if (!leases.has(operation.lease)) return leaseNotFound(operation.lease);
  }
  draft.change((revision) =>
    operations.flatMap((operation) => applyOperation(draft.tables, operation, revision)),
  );
  return { succeeded: true, revision: draft.revision };
}

/** Stores a new lease. */
export function applyGrant(draft: Draft, lease: StoredLease): void {
  draft.tables.leases.insert(lease);
}

/** Ends the lease and deletes its keys, under one revision; does nothing when it has ended. */
export function applyLeaseEnd(draft: Draft, lease: string): void {
  const { tables } = draft;
  draft.change((revision) => deleteKeys(tables, tables.entries.keysOfLease(lease), revision));
  tables.leases.delete(lease);
}

function applyOperation(tables: Tables, operation: Operation, revision: number): StoreEvent[] {
  switch (operation.kind) {
    case 'put': {
      const { kind: _, ...change } = operation;
      const createRevision = tables.entries.get(operation.key)?.createRevision ?? revision;
      const entry = { ...change, createRevision, modRevision: revision };
      tables.entries.put(entry);
      return [{ kind: 'put', entry }];
    }
    case 'delete':
      return deleteKeys(tables, [operation.key], revision);
    case 'delete-prefix':
      return deleteKeys(tables, tables.entries.keysOfPrefix(operation.prefix), revision);
  }
}

function deleteKeys(tables: Tables, keys: readonly string[], revision: number): StoreEvent[] {
  return keys
    .filter((key) => tables.entries.delete(key))
    .map((key) => ({ kind: 'delete', key, revision }));
}
