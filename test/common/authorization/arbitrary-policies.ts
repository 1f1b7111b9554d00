import fc from 'fast-check';
import type { AccessRequest } from '../../../common/authorization/decide.ts';
import type { NamePattern } from '../../../common/authorization/name-pattern.ts';
import type { Policy, PolicyRule } from '../../../common/authorization/policy.ts';
import type {
  HttpRequest,
  RequestCondition,
} from '../../../common/authorization/request-condition.ts';

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
const path = fc.constantFrom('/', '/a', '/a/b', '/shop.Orders', '/shop.Orders/Get');
const method = fc.constantFrom('GET', 'POST');
const condition: fc.Arbitrary<RequestCondition> = fc.record({
  methods: fc.array(method, { maxLength: 1 }),
  paths: fc.array(fc.record({ type: fc.constantFrom('Exact', 'PathPrefix'), value: path }), {
    maxLength: 1,
  }),
  grpcServices: fc.constantFrom([], ['shop.Orders']),
});
/** A request, or none. */
export const http: fc.Arbitrary<HttpRequest | undefined> = fc.option(
  fc.record({ method, path: fc.option(path, { nil: undefined }) }),
  { nil: undefined },
);
/** A rule of a mesh. */
export const rule: fc.Arbitrary<PolicyRule> = fc.record({
  name: fc.uuid(),
  action: fc.constantFrom('allow', 'deny'),
  audit: fc.boolean(),
  to: fc.array(door, { minLength: 1, maxLength: 2 }),
  ports: fc.array(port, { maxLength: 2 }),
  from: fc.array(pattern, { minLength: 1, maxLength: 2 }),
  requests: fc
    .option(condition, { nil: undefined })
    .map((one) => (one === undefined || Object.values(one).flat().length === 0 ? undefined : one)),
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
