import type {
  Compare as EtcdCompare,
  RequestOp,
  ResponseOp,
} from '../../../proto/gen/etcdserverpb/rpc.ts';
import { leaseNotFound } from '../store-error.ts';
import type { Compare, Operation } from '../store.ts';
import { ONE_KEY, parseLease, type EtcdRange, type KeySpace } from './key-space.ts';
import { modCompare } from './receipts.ts';

/** The conditions in etcd's terms. */
export function toCompares(space: KeySpace, compares: readonly Compare[]): EtcdCompare[] {
  return compares.map(({ key, modRevision }) => {
    const at = space.fromRevision(modRevision);
    // From before the store was here: no key has it any more.
    const wanted = modRevision === 0 ? 0 : at > 0 ? at : NEVER;
    return modCompare({ key: space.keyOf(key), ...ONE_KEY }, wanted);
  });
}

/** A revision that no change has. */
const NEVER = -1;

/** The operations in etcd's terms. @throws StoreError `lease-not-found` for a lease that is none of etcd's */
export function toRequests(space: KeySpace, operations: readonly Operation[]): RequestOp[] {
  return operations.map((operation) => {
    if (operation.kind !== 'put') {
      const value = targetOf(space, operation);
      return { request: { $case: 'requestDeleteRange', value } };
    }
    const { key, value, lease } = operation;
    const bound = lease === undefined ? 0 : leaseId(lease);
    // The caller may reuse its buffer before it is sent, or sent again.
    const put = { key: space.keyOf(key), value: Buffer.from(value), lease: bound };
    return { request: { $case: 'requestPut', value: put } };
  });
}

/** The condition that a transaction which only deletes would find nothing to delete. */
export function nothingThere(space: KeySpace, deletes: readonly Operation[]): EtcdCompare[] {
  return deletes.map((operation) => modCompare(targetOf(space, operation), 0));
}

/** Whether the transaction, if it succeeds, certainly changes something. */
export function surelyChanges(
  compares: readonly Compare[],
  operations: readonly Operation[],
): boolean {
  const present = new Set(
    compares.filter(({ modRevision }) => modRevision > 0).map(({ key }) => key),
  );
  return operations.some(
    (operation) =>
      operation.kind === 'put' || (operation.kind === 'delete' && present.has(operation.key)),
  );
}

/** What was changed, as keys or prefixes that a watch may be told of. */
export function changedBy(
  operations: readonly Operation[],
  responses: readonly ResponseOp[],
): readonly Operation[] {
  return operations.filter(({ kind }, index) => {
    const response = responses[index]?.response;
    return (
      kind === 'put' || (response?.$case === 'responseDeleteRange' && response.value.deleted > 0)
    );
  });
}

/** Whether a change of the store may be told to a watch of this prefix. */
export function isUnder(prefix: string, operation: Operation): boolean {
  return operation.kind === 'delete-prefix'
    ? operation.prefix.startsWith(prefix)
    : operation.key.startsWith(prefix);
}

/** The lease in etcd's terms. @throws StoreError `lease-not-found` */
export function leaseId(lease: string): number {
  const id = parseLease(lease);
  if (id === undefined) throw leaseNotFound(lease);
  return id;
}

function targetOf(space: KeySpace, operation: Operation): EtcdRange {
  return operation.kind === 'delete-prefix'
    ? space.rangeOf(operation.prefix)
    : { key: space.keyOf(operation.key), ...ONE_KEY };
}
