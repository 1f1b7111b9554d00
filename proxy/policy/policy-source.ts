import { type Identity, policyFor } from '../../common/authorization/decide.ts';
import type { MeshPolicy, Policy } from '../../common/authorization/policy.ts';
import type { Policies } from '../../common/authorization/authorize.ts';
import { Listeners } from '../../common/listeners.ts';

/** The policies in force at this sidecar. */
export interface PolicySource {
  /** Only the rules that are about this sidecar. */
  current(): Policies;
  /** The whole policy of the mesh, undefined until there is one. */
  readonly mesh: MeshPolicy | undefined;
  /** Calls back after each change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** A source for its owner, who may change it. */
export interface MutablePolicySource extends PolicySource {
  set(mesh: MeshPolicy): void;
}

/** Creates a source that has no policy of the mesh yet. */
export function createPolicySource(self: Identity, local: Policy): MutablePolicySource {
  let mesh: MeshPolicy | undefined;
  let policies: Policies = { mesh: undefined, local };
  const listeners = new Listeners();
  return {
    current: () => policies,
    get mesh() {
      return mesh;
    },
    onChange: listeners.add,
    set(next) {
      mesh = next;
      policies = { mesh: policyFor(next.policy, self), local };
      listeners.tell();
    },
  };
}
