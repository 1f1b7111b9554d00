import fc from 'fast-check';
import type { Operation } from '../../../../control-plane/store/store.ts';

/** Few keys, so that they meet; prefixes of each other, and of different UTF-8 lengths. */
const KEY = fc.constantFrom('a', 'a/', 'a/1', 'a/10', 'a/2', 'b/1', 'é', '\uff5e', '\u{1f600}/x');
const PREFIX = fc.constantFrom('', 'a', 'a/', 'a/1', 'b/', '\u{1f600}');

/** One step of a random history. */
export type Step =
  | {
      readonly kind: 'transact';
      readonly compares: readonly { readonly key: string; readonly holds: boolean }[];
      readonly operations: readonly ModelOperation[];
    }
  | { readonly kind: 'grant' }
  | { readonly kind: 'revoke'; readonly lease: number }
  | { readonly kind: 'watch'; readonly prefix: string; readonly back: number };

/** An operation; leases are counted in the order in which they were granted. */
export interface ModelOperation {
  readonly kind: Operation['kind'];
  readonly key: string;
  readonly value: string;
  readonly lease: number | undefined;
}

const OPERATION: fc.Arbitrary<ModelOperation> = fc.record({
  kind: fc.constantFrom('put', 'put', 'put', 'delete', 'delete-prefix'),
  key: KEY,
  value: fc.string({ unit: 'grapheme', maxLength: 5 }),
  lease: fc.option(fc.nat({ max: 3 }), { nil: undefined, freq: 3 }),
});

/** Mostly transactions; leases and watches come and go between them. */
export const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('transact' as const),
      compares: fc.array(fc.record({ key: KEY, holds: fc.constantFrom(true, true, true, false) }), {
        maxLength: 3,
      }),
      operations: fc.array(OPERATION, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grant' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('revoke' as const), lease: fc.nat({ max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      prefix: PREFIX,
      back: fc.nat({ max: 20 }),
    }),
  },
);

/** Leaves out what a transaction must not hold: a key that is put twice, or put and deleted. */
export function withoutConflicts(operations: readonly ModelOperation[]): readonly ModelOperation[] {
  const taken: ModelOperation[] = [];
  for (const operation of operations) {
    const conflicts = taken.some(
      (other) =>
        (operation.kind === 'put' || other.kind === 'put') &&
        (touches(operation, other) || touches(other, operation)),
    );
    if (!conflicts) taken.push(operation);
  }
  return taken;
}

function touches(operation: ModelOperation, { key }: ModelOperation): boolean {
  return operation.kind === 'delete-prefix' ? key.startsWith(operation.key) : key === operation.key;
}
