import { Listeners } from '../../common/listeners.ts';
import type { IdentityChange, IdentitySource, WorkloadIdentity } from './source.ts';

/** An identity source for its owner, who may replace what it holds. */
export interface MutableIdentitySource extends IdentitySource {
  /** Takes an identity into use, then tells every listener. */
  replace(identity: WorkloadIdentity, change: IdentityChange): void;
}

/** Creates a source that holds the identity given. */
export function createIdentitySource(initial: WorkloadIdentity): MutableIdentitySource {
  let identity = initial;
  const listeners = new Listeners<[WorkloadIdentity, IdentityChange]>();
  return {
    current: () => identity,
    onChange: listeners.add,
    replace(next, change) {
      identity = next;
      listeners.tell(next, change);
    },
  };
}
