import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import type { MeshPolicy } from '../../common/authorization/policy.ts';
import { describeError } from '../../common/errors.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { MutablePolicySource } from '../policy/policy-source.ts';
import type { Scope } from '../../common/wire/interest.ts';
import type { MutableMeshView } from './mutable-view.ts';
import { createFederation, type KnownFederation } from './federation.ts';
import { createRevocations, type KnownRevocations } from './revocations.ts';
import { loadView, saveView, type SavedView } from './view-file.ts';

/** What keeping a view takes. */
export interface SavedViewSettings {
  /** Takes up what the last run knew, and is saved. */
  readonly view: MutableMeshView;
  readonly stateDirectory: string;
  /** The roots of the mesh that the view is of. */
  readonly bundle: () => TrustBundle;
  /** Where the policy of the mesh goes, and is taken from when it is saved. */
  readonly policies: Pick<MutablePolicySource, 'mesh' | 'set'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A view that outlives the process. */
export interface KeptView {
  readonly view: MutableMeshView;
  /** Revoked callers. A change of these is on disk at once. */
  readonly revocations: KnownRevocations;
  /** Other trust domains. A change of these is on disk at once, too. */
  readonly federation: KnownFederation;
  /** What the view knew and may have missed a change of: it is not saved as something that the view knows. */
  readonly unconfirmed: Set<Scope>;
  /** The view has changed: save it soon. */
  touch(): void;
  /** What the control plane need not send again; 0 while the newest policy is not in force. */
  readonly resumeVersion: number;
  /** Applies a policy, and has it on disk soon. */
  takePolicy(policy: MeshPolicy): void;
  /** There is a policy that cannot be used: all of the view must be asked for again. */
  policyMissed(): void;
  /** Saves what was not saved yet; resolves when nothing is being written any more. */
  close(): Promise<void>;
}

/** A burst of changes is written once. */
const SAVE_DELAY_MS = 1_000;

/** Takes up the view of the last run, where there is one. A file that cannot be used only costs a log line. */
export async function openSavedView(settings: SavedViewSettings): Promise<KeptView> {
  const { bundle, clock, logger, policies, stateDirectory, view } = settings;
  const unconfirmed = new Set<Scope>();
  let restored: SavedView | undefined;
  let timer: Timer | undefined;
  let saving: Promise<void> = Promise.resolve();
  let upToDate = true;
  // Without a policy no caller is allowed, and only a snapshot is sure to bring one.
  const resumeVersion = (): number => (upToDate && policies.mesh !== undefined ? view.version : 0);

  async function save(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    await saving;
    try {
      const saved = {
        version: resumeVersion(),
        endpoints: view.endpoints(),
        complete: view.complete && [...view.complete.difference(unconfirmed)],
        revocations: revocations.current().all,
        policy: policies.mesh,
        federated: federation.current(),
      };
      await saveView(stateDirectory, saved, bundle());
    } catch (error) {
      logger.warn(
        { event: 'view-not-saved' },
        `the view of the mesh is in use, but could not be saved: ${describeError(error)}`,
      );
    }
  }

  function saveNow(): void {
    saving = save();
  }

  try {
    restored = await loadView(stateDirectory, bundle());
    if (restored !== undefined) view.apply({ kind: 'snapshot', ...restored });
    if (restored?.policy !== undefined) policies.set(restored.policy);
  } catch (error) {
    logger.warn({ event: 'view-not-restored' }, describeError(error));
  }
  const revocations = createRevocations(clock, restored?.revocations);
  // A process that is killed within the delay must not come back and allow them.
  revocations.onChange(saveNow);
  const federation = createFederation(restored?.federated);
  federation.onChange(saveNow);
  return {
    view,
    unconfirmed,
    revocations,
    federation,
    get resumeVersion() {
      return resumeVersion();
    },
    takePolicy(policy) {
      policies.set(policy);
      upToDate = true;
      // What it forbids must stay forbidden, also when this process is killed in a moment.
      saveNow();
    },
    policyMissed() {
      upToDate = false;
      saveNow();
    },
    touch() {
      timer ??= clock.after(SAVE_DELAY_MS, saveNow);
    },
    async close() {
      if (timer !== undefined) saveNow();
      await saving;
    },
  };
}
