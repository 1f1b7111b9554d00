import type { Store } from '../store/store.ts';
import { notLeader, type Leader } from './leader.ts';

declare const fenced: unique symbol;

/**
 * The store for what is done once, by the leader: nothing is written through it once another one leads,
 * however late this process notices. What takes it says by its type that it is the leader's work.
 */
export interface FencedStore extends Pick<Store, 'get' | 'range' | 'transact'> {
  readonly [fenced]: true;
}

/**
 * The store as the leader writes it: `transact` throws LeaderError `not-leader`, with nothing written, when
 * this control plane does not lead, or not any more.
 */
export function fencedStore(store: Store, leader: Leader): FencedStore {
  const writes: Pick<Store, 'get' | 'range' | 'transact'> = {
    get: (key) => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    async transact(compares, operations) {
      const fence = leader.fence();
      const result = await store.transact([...compares, fence], operations);
      if (result.succeeded) return result;
      // Which of the conditions it was is for the caller, but for this one.
      const present = await store.get(fence.key);
      if (present?.modRevision === fence.modRevision) return result;
      await leader.lookAgain();
      throw notLeader();
    },
  };
  return writes as FencedStore;
}
