import { fencedStore, type FencedStore } from '../../../control-plane/leader/fenced-store.ts';
import { openLeader, type Leader } from '../../../control-plane/leader/leader.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { createGuard } from '../../../common/guard.ts';
import { createLogRecorder } from '../log-recorder.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';

/** A leader of a store, for tests of what the leader does. */
export interface TestLeader {
  readonly leader: Leader;
  readonly leading: FencedStore;
}

/** Elects one at once, whoever led before; its lease lasts while the clock stands still. */
export async function leadStore(
  store: Store,
  { id = 'test', clock = createManualClock() }: { id?: string; clock?: ManualClock } = {},
): Promise<TestLeader> {
  const { logger } = createLogRecorder();
  const guard = createGuard({ clock, logger });
  for (;;) {
    const leader = await openLeader({ store, clock, logger, guard, id, exclusive: true });
    if (leader.isLeader) return { leader, leading: fencedStore(store, leader) };
    // One whose lease has just ended was faster.
    await leader.close();
  }
}
