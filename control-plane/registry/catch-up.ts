import { sleep, type MonotonicClock } from '../../common/clock.ts';
import type { Store } from '../store/store.ts';
import type { MeshView } from './mesh-view.ts';
import { MESH_PREFIX } from './sidecar-record.ts';

/** Written to see how far the view is: what is written after a revision is seen after it. It says nothing itself. */
const MARK_KEY = `${MESH_PREFIX}mark`;

/** Another control plane is a better choice than one that is further behind than this. */
export const CATCH_UP_TIMEOUT_MS = 5_000;

/** What catching up takes. */
export interface CatchUpOptions {
  readonly store: Pick<Store, 'range' | 'transact'>;
  readonly view: Pick<MeshView, 'followed' | 'follows'>;
  readonly clock: MonotonicClock;
}

/**
 * Waits until the view is at least of the version that a sidecar has from another control plane.
 *
 * @returns whether it is: `behind` when that takes too long, and `gone-back` when the store itself is older, as after
 *   it was restored from a backup
 * @throws StoreError
 */
export type CatchUp = (version: number) => Promise<'caught-up' | 'behind' | 'gone-back'>;

/** Makes it. However many wait, there is one mark at a time. */
export function createCatchUp({ store, view, clock }: CatchUpOptions): CatchUp {
  let marking: Promise<void> | undefined;

  const mark = async (): Promise<void> => {
    const { revision } = await store.transact(
      [],
      [{ kind: 'put', key: MARK_KEY, value: Buffer.alloc(0) }],
    );
    await view.follows(revision);
  };
  const followTo = async (version: number): Promise<void> => {
    // A mark that is on its way may be older than the version.
    while (view.followed < version) {
      marking ??= mark().finally(() => {
        marking = undefined;
      });
      await marking;
    }
  };
  return async (version) => {
    if (view.followed >= version) return 'caught-up';
    const { revision } = await store.range(MARK_KEY);
    if (revision < version) return 'gone-back';
    const late = new AbortController();
    try {
      return await Promise.race([
        followTo(version).then(() => 'caught-up' as const),
        sleep(clock, CATCH_UP_TIMEOUT_MS, late.signal).then(() => 'behind' as const),
      ]);
    } finally {
      late.abort();
    }
  };
}
