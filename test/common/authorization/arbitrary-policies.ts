import fc from 'fast-check';
import type { AccessRequest } from '../../../common/authorization/decide.ts';
import type { NamePattern } from '../../../common/authorization/name-pattern.ts';
import type { Policy, PolicyRule } from '../../../common/authorization/policy.ts';

// Few names, so that rules and requests meet often.
/** A namespace or a service. */
export const label = fc.constantFrom('web', 'web-2', 'api', 'shop');
const trustDomain = fc.constantFrom('mesh.local', 'partner.example');
/** A port. */
export const port = fc.constantFrom(80, 443);

const labelPattern = fc.oneof(
  label.map((text) => ({ text, open: false })),
  fc.constantFrom('', 'w', 'web', 'sh').map((text) => ({ text, open: true })),
);
/** A caller in a rule. */
export const pattern: fc.Arbitrary<NamePattern> = fc.oneof(
  fc.constant({ kind: 'everybody' as const }),
  fc.record({
    kind: fc.constant('named' as const),
    trustDomain: fc.option(trustDomain, { nil: undefined }),
    namespace: labelPattern,
    service: labelPattern,
  }),
);
const door = fc.oneof(
  fc.constant({ kind: 'everybody' as const }),
  fc.record({
    kind: fc.constant('named' as const),
    trustDomain: fc.constant(undefined),
    namespace: labelPattern,
    service: labelPattern,
  }),
);
/** A rule of a mesh. */
export const rule: fc.Arbitrary<PolicyRule> = fc.record({
  name: fc.uuid(),
  action: fc.constantFrom('allow', 'deny'),
  audit: fc.boolean(),
  to: fc.array(door, { minLength: 1, maxLength: 2 }),
  ports: fc.array(port, { maxLength: 2 }),
  from: fc.array(pattern, { minLength: 1, maxLength: 2 }),
});
/** A policy of a mesh. */
export const policy: fc.Arbitrary<Policy> = fc.record({
  fallback: fc.constantFrom('mesh', 'none'),
  rules: fc.array(rule, { maxLength: 6 }),
});
const identity = fc.record({
  trustDomain,
  namespace: fc.oneof(label, fc.constant('hauberk')),
  service: label,
});
/** Somebody at a door of the mesh. */
export const request: fc.Arbitrary<AccessRequest> = fc.record({
  source: identity,
  destination: identity.map(({ namespace, service }) => ({
    trustDomain: 'mesh.local',
    namespace,
    service,
  })),
  port,
});
