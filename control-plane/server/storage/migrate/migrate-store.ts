import { ConfigError } from '../../../../common/config/config-error.ts';
import type { UnlockKey } from '../../../../common/config/unlock-key.ts';
import type { StoreLocation } from '../../../config/store-location.ts';
import { writeEntries } from '../copy-store.ts';
import { nameOfPlace, type PlaceOptions } from './place.ts';
import { compareCopy, planCopy } from './plan.ts';
import { openSource } from './source.ts';
import { openTarget } from './target.ts';

/** What to move, and where. */
export interface MigrateOptions extends PlaceOptions {
  readonly from: StoreLocation;
  readonly to: StoreLocation;
  readonly unlockKey: UnlockKey | undefined;
}

/** What was moved. */
export interface Migrated {
  readonly keys: number;
  /** The source, and the target, in words. */
  readonly from: string;
  readonly to: string;
  /** Private keys that were not encrypted are now. */
  readonly sealed: boolean;
}

/**
 * The revisions of the target begin so much later than those of the source: what was told of the source in the moment
 * that this takes must not come again for something else.
 */
const REVISION_LEAP = 1_000_000;

/**
 * Moves the state of a mesh from SQLite to etcd or back, while no control plane runs:
 *
 *     hold source ──> empty target ──> copy ──> compare everything ──> source has left ──> target is complete
 *
 * No control plane starts on the target before the end, nor on the source after it. It may end anywhere: the source
 * can be used as before until it has left, and from then on another run brings it to its end.
 *
 * @throws ConfigError, KeysError, StoreError
 */
export async function migrateStore(options: MigrateOptions): Promise<Migrated> {
  const { from, to, unlockKey, etcd } = options;
  if (from.kind === to.kind) throw sameKind(from);
  const names = { from: nameOfPlace(from, etcd), to: nameOfPlace(to, etcd) };
  await using parts = new AsyncDisposableStack();
  const source = parts.adopt(await openSource(from, names.to, options), (one) => one.close());
  const plan = await planCopy(source.store, unlockKey, to.kind === 'etcd');
  const revisionOffset = plan.revision + REVISION_LEAP;
  const target = parts.adopt(await openTarget(to, names.from, revisionOffset, options), (one) =>
    one.close(),
  );
  await writeEntries(target.store, plan.entries, target.write);
  await target.settle();
  await compareCopy(target.store, plan);
  await source.leave();
  await target.complete();
  return { keys: plan.entries.length, ...names, sealed: plan.sealed };
}

function sameKind({ kind }: StoreLocation): ConfigError {
  const other = kind === 'etcd' ? 'sqlite:FILE' : 'etcd://HOST:PORT';
  return new ConfigError('setting-invalid', `--from and --to both name a store of ${kind}`, {
    hint: `name one of each: ${other} is missing`,
  });
}
