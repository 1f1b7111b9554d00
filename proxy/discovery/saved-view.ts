import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { createMeshView, type MutableMeshView } from './mutable-view.ts';
import { createRevocations, type KnownRevocations } from './revocations.ts';
import { loadView, saveView, type SavedView } from './view-file.ts';

/** What keeping a view takes. */
export interface SavedViewSettings {
  readonly stateDirectory: string;
  /** The roots of the mesh that the view is of. */
  readonly bundle: () => TrustBundle;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A view that outlives the process. */
export interface KeptView {
  readonly view: MutableMeshView;
  /** Who must not be let in. A change of these is on disk at once. */
  readonly revocations: KnownRevocations;
  /** The view has changed: save it soon. */
  touch(): void;
  /** Saves what was not saved yet; resolves when nothing is being written any more. */
  close(): Promise<void>;
}

/** A burst of changes is written once. */
const SAVE_DELAY_MS = 1_000;

/** Takes up the view of the last run, where there is one. A file that cannot be used only costs a log line. */
export async function openSavedView(settings: SavedViewSettings): Promise<KeptView> {
  const { bundle, clock, logger, stateDirectory } = settings;
  const view = createMeshView();
  let restored: SavedView | undefined;
  let timer: Timer | undefined;
  let saving: Promise<void> = Promise.resolve();

  async function save(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    await saving;
    try {
      await saveView(
        stateDirectory,
        {
          version: view.version,
          endpoints: view.endpoints(),
          revocations: revocations.current().all,
        },
        bundle(),
      );
    } catch (error) {
      logger.warn(
        { event: 'view-not-saved' },
        `the view of the mesh is used, but not saved: ${describeError(error)}`,
      );
    }
  }

  try {
    restored = await loadView(stateDirectory, bundle());
    if (restored !== undefined) view.apply({ kind: 'snapshot', ...restored });
  } catch (error) {
    logger.warn({ event: 'view-not-restored' }, describeError(error));
  }
  const revocations = createRevocations(clock, restored?.revocations);
  // A process that is killed within the delay must not come back and let them in.
  revocations.onChange(() => {
    saving = save();
  });
  return {
    view,
    revocations,
    touch() {
      timer ??= clock.after(SAVE_DELAY_MS, () => {
        saving = save();
      });
    },
    async close() {
      if (timer !== undefined) saving = save();
      await saving;
    },
  };
}
