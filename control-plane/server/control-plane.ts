import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { CountingGuard } from '../../common/guard.ts';
import type { DrainOutcome } from '../../common/lifecycle.ts';
import type { ControlPlaneSettings } from '../config/config.ts';
import type { StoreError } from '../store/store-error.ts';
import type { SnapshotStore } from '../store/store.ts';
import type { DashboardSettings } from './endpoints/dashboard.ts';

/** What a control plane needs besides its settings. */
export interface ControlPlaneDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whatever is not awaited runs under it. */
  readonly guard: CountingGuard;
  /** Is told how to read again, at once, what is followed. */
  readonly onReload?: (reload: () => void) => void;
  /** Is told when another control plane has encrypted the keys with another key: this one can do nothing more. */
  readonly onRekeyed?: () => void;
  /** Is told when the store is moved elsewhere: this one must write nothing more. */
  readonly onMoved?: (why: StoreError) => void;
  /** Instead of the file in the data directory, and for several control planes; it stays open when this one ends. */
  readonly sharedStore?: SnapshotStore;
}

/** Everything but what the logger was made with, and what the keys are unlocked with. */
export interface Settings
  extends
    Omit<
      ControlPlaneSettings,
      'logLevel' | 'unlockKeyFile' | 'unlockPassphrase' | keyof DashboardSettings
    >,
    DashboardSettings {}

/** A control plane that serves. */
export interface ControlPlane extends AsyncDisposable {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Where the trust bundle is served, when it is. */
  readonly bundlePort: number | undefined;
  /** Where the dashboard is served, when it is. */
  readonly dashboardPort: number | undefined;
  /** The credential of the operator. */
  readonly adminFile: string;
  /** Everything that it knows in one file, encrypted when its keys are. */
  backup(): Promise<Buffer>;
  /** Not ready, ends the streams of the sidecars, waits for calls under way, and lets go. */
  drainAndClose(forced?: AbortSignal): Promise<DrainOutcome>;
}
