import { z } from 'zod';
import { recordCodec } from '../../../store/record-codec.ts';
import { StoreError } from '../../../store/store-error.ts';
import { MIGRATION_KEY, type Entry, type Operation, type Store } from '../../../store/store.ts';

/**
 * What a store says of a migration, so that no control plane starts on the wrong side of it:
 *
 *     source   ──> leaving (under a lease) ──> left
 *     target   ──> arriving ──────────────────> no record: in use
 *
 * The source has left before the target can be used: never can both be.
 */
const migrationRecord = z.object({
  state: z.enum(['leaving', 'left', 'arriving']),
  /** The other store, for a sentence. */
  other: z.string(),
});

/** What a store says of a migration. */
export type MigrationRecord = Readonly<z.infer<typeof migrationRecord>>;

const codec = recordCodec('what is known of a migration', migrationRecord);

/** The change that writes it down. */
export function putMigration(record: MigrationRecord, lease?: string): Operation {
  const put = { kind: 'put', key: MIGRATION_KEY, value: codec.encode(record) } as const;
  return lease === undefined ? put : { ...put, lease };
}

/** Reads it; undefined when there is none. @throws StoreError `corrupt` */
export function decodeMigration(entry: Entry | undefined): MigrationRecord | undefined {
  return entry === undefined ? undefined : codec.decode(entry);
}

/** Lets a control plane use a store that is all there, and whose state is nowhere else. @throws StoreError `moved` */
export async function requireNoMigration(store: Pick<Store, 'get'>): Promise<void> {
  const record = decodeMigration(await store.get(MIGRATION_KEY));
  if (record !== undefined) throw movedError(record);
}

/** Why a store cannot be used. */
export function movedError({ state, other }: MigrationRecord): StoreError {
  switch (state) {
    case 'leaving':
      return new StoreError('moved', `the state of this store is being moved to ${other}`, {
        hint: 'wait until `hauberk store migrate` has ended; if it was killed, try again in a minute',
      });
    case 'left':
      return new StoreError('moved', `the state of this store was moved to ${other}`, {
        hint: 'start with --store for that one',
      });
    case 'arriving':
      return new StoreError(
        'moved',
        `the store is not complete: a migration from ${other} into it has begun and not ended`,
        { hint: 'run the same `hauberk store migrate` again: it begins from the start' },
      );
  }
}
