import type { Logger } from 'pino';
import type { Clock } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import type { ControlPlaneSettings } from '../../config/config.ts';
import type { Store } from '../../store/store.ts';
import type { EtcdSettings } from './etcd-access.ts';

/** The settings that say where the store is. */
export type StorageSettings = Pick<ControlPlaneSettings, 'dataDir' | 'store'> & EtcdSettings;

/** What opening it takes. */
export interface StorageOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The store, and what depends on where it is. */
export interface Storage extends Closeable {
  readonly store: Store;
  /** No other process can use it. */
  readonly exclusive: boolean;
  /**
   * For a store that remembers what was in it: what has to be done so that it forgets what was there before this
   * revision, in a sentence. Private keys are kept in such a one encrypted only.
   */
  readonly history: ((revision: number) => string) | undefined;
  /** Looks whether it could be written now. */
  readonly probe: () => Promise<void>;
  /** Everything as of one moment, as a database of SQLite. */
  snapshot(): Promise<Buffer>;
}
