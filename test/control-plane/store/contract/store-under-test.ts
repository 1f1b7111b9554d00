import type { ExecutionContext } from 'ava';
import type { Store } from '../../../../control-plane/store/store.ts';
import type { ManualClock } from '../../../helpers/manual-clock.ts';

/** An empty store, as the contract's tests need it. The factory cleans up in `t.teardown`. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Closes the store that is open and opens one on the same data. */
  reopen(): Promise<Store>;
  /** The clock of the leases, when the store lets its time be injected; without one, time is real. */
  readonly clock?: ManualClock;
}

/** Makes an empty store for one test. */
export type StoreFactory = (t: ExecutionContext) => Promise<StoreUnderTest>;
