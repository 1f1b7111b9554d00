import { namesIdentity } from '../../../common/authorization/name-pattern.ts';
import type { Policy } from '../../../common/authorization/policy.ts';
import type { SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { namespaceScope, serviceScope, type Scope } from '../../../common/wire/interest.ts';

/** With more a policy is about whole parts of the mesh; its addresses are asked about when they are called. */
const MAX_REACHABLE = 256;

/**
 * What a transparent sidecar is told of before its application calls: what the policy lets it reach, where it allows
 * nothing else and names it; otherwise the services of its own namespace.
 */
export function reachableScopes(self: SpiffeId, policy: Policy | undefined): Scope[] {
  const own = [namespaceScope(self.namespace)];
  if (policy === undefined || policy.fallback !== 'none') return own;
  const reachable = new Set<Scope>();
  for (const { action, from, to } of policy.rules) {
    if (action !== 'allow') continue;
    if (!from.some((pattern) => namesIdentity(pattern, self, self.trustDomain))) continue;
    for (const pattern of to) {
      if (pattern.kind === 'everybody' || pattern.namespace.open) return own;
      const namespace = pattern.namespace.text;
      const isWhole = pattern.service.open;
      reachable.add(
        isWhole
          ? namespaceScope(namespace)
          : serviceScope({ namespace, service: pattern.service.text }),
      );
    }
  }
  return reachable.size > MAX_REACHABLE ? own : [...reachable];
}
