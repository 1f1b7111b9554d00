import test from 'ava';
import { OPEN_POLICY, type Policy } from '../../../common/authorization/policy.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { adminId, controlPlaneId, spiffeId } from '../../../common/pki/spiffe-id.ts';
import { authorize, isRestricted } from '../../../common/authorization/authorize.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';

const destination = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
const nothingLocal = localPolicy([]);

/** What `--allow` of a sidecar in the namespace shop says. */
function local(...allow: { port: number; service: string }[]): Policy {
  return localPolicy(allow.map(({ port, service }) => ({ port, namespace: 'shop', service })));
}

/** The policy of a mesh.yaml. */
function mesh(text: string): Policy {
  return readMeshConfig(text, 'mesh.yaml').authorization;
}

function decide(
  namespace: string,
  service: string,
  port: number,
  policies: { mesh?: Policy | undefined; local?: Policy },
  trustDomain = 'mesh.local',
): string {
  const source = spiffeId({ trustDomain, namespace, service });
  const decision = authorize(
    { source, destination, port },
    { mesh: OPEN_POLICY, local: nothingLocal, ...policies },
  );
  return decision.allowed ? 'allowed' : decision.reason;
}

test('without a policy of the mesh nobody may come in, whatever the flags say', (t) => {
  const policies = { mesh: undefined, local: local({ port: 8080, service: 'web' }) };
  t.is(decide('shop', 'web', 8080, policies), 'denied-no-policy');
  t.is(decide('shop', 'web', 8080, { ...policies, mesh: OPEN_POLICY }), 'allowed');
});

test('a workload of the trust domain may come in, from any namespace', (t) => {
  for (const namespace of ['shop', 'billing']) t.is(decide(namespace, 'web', 8080, {}), 'allowed');
});

test('a workload of another trust domain may not', (t) => {
  t.is(decide('shop', 'web', 8080, {}, 'other.domain'), 'denied-trust-domain');
});

test("the mesh's own identities are not workloads", (t) => {
  for (const source of [adminId('mesh.local'), controlPlaneId('mesh.local')]) {
    const policies = { mesh: OPEN_POLICY, local: nothingLocal };
    t.like(authorize({ source, destination, port: 8080 }, policies), {
      allowed: false,
      reason: 'denied-system-identity',
    });
  }
});

test('a port that --allow names is closed to everybody else', (t) => {
  const policies = { local: local({ port: 2379, service: 'web' }) };
  t.is(decide('shop', 'web', 2379, policies), 'allowed');
  t.is(decide('shop', 'worker', 2379, policies), 'denied-caller');
  t.is(decide('billing', 'web', 2379, policies), 'denied-caller', 'the namespace is in the name');
  t.is(decide('billing', 'worker', 8080, policies), 'allowed', 'other ports stay open to the mesh');
});

test('a name in --allow opens nothing to another trust domain', (t) => {
  const policies = { local: local({ port: 2379, service: 'web' }) };
  t.is(decide('shop', 'web', 2379, policies, 'other.domain'), 'denied-trust-domain');
});

test('of the flag and the policy of the mesh the stricter wins', (t) => {
  const flag = local({ port: 8080, service: 'web' });
  const rule = mesh(`authorization:
  allow: none
  rules:
    - {name: front, action: allow, from: [web.shop, job.shop], to: [api.shop]}
`);
  const both = { mesh: rule, local: flag };
  t.is(decide('shop', 'web', 8080, both), 'allowed');
  t.is(decide('shop', 'job', 8080, both), 'denied-caller', 'the flag does not name it');
  t.is(decide('shop', 'job', 9090, both), 'allowed', 'about this port the flag says nothing');
  t.is(decide('shop', 'other', 9090, both), 'denied-caller');
  const closed = { mesh: mesh('authorization: {allow: none}'), local: flag };
  t.is(decide('shop', 'web', 8080, closed), 'denied-default', 'a flag opens nothing');
});

test('a federated caller needs a rule, and no flag that names others there', (t) => {
  const partner = mesh(`authorization:
  rules:
    - name: partner
      action: allow
      from: [spiffe://partner.example/ns/shop/sa/web]
      to: [api.shop]
      ports: [8080]
`);
  const domain = 'partner.example';
  t.is(decide('shop', 'web', 8080, { mesh: partner }, domain), 'allowed');
  t.is(decide('shop', 'web', 8081, { mesh: partner }, domain), 'denied-trust-domain');
  const flag = local({ port: 8080, service: 'web' });
  t.is(decide('shop', 'web', 8080, { mesh: partner, local: flag }, domain), 'denied-caller');
});

test('the decision names its rules, for the log', (t) => {
  const policies = {
    mesh: mesh(`authorization:
  rules:
    - {name: no-jobs, action: deny, from: ['job-*.shop'], to: ['*']}
    - {name: trial, action: deny, from: ['*'], to: [api.shop], audit: true}
`),
    local: nothingLocal,
  };
  const source = (service: string) =>
    spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service });
  t.deepEqual(authorize({ source: source('job-1'), destination, port: 80 }, policies), {
    allowed: false,
    reason: 'denied-rule',
    why: 'the rule no-jobs denies it',
    rules: ['no-jobs'],
  });
  t.deepEqual(authorize({ source: source('web'), destination, port: 80 }, policies), {
    allowed: true,
    audited: ['trial'],
    perRequest: false,
  });
});

test('a port that is restricted takes plaintext from nobody', (t) => {
  const rules = mesh(`authorization:
  rules:
    - {name: a, action: allow, from: [web.shop], to: [api.shop], ports: [8080]}
    - {name: b, action: deny, from: [web.shop], to: [api.shop], ports: [9090]}
    - {name: c, action: deny, from: ['*'], to: [api.shop], ports: [7070], audit: true}
    - {name: d, action: deny, from: ['*'], to: [other.shop]}
`);
  const restricted = (policy: Policy | undefined, flags = nothingLocal): number[] =>
    [7070, 8080, 9090, 2379].filter((port) =>
      isRestricted({ mesh: policy, local: flags }, destination, port),
    );
  t.deepEqual(restricted(OPEN_POLICY), []);
  t.deepEqual(restricted(rules), [8080, 9090], 'rules that are only watching close nothing');
  t.deepEqual(restricted(rules, local({ port: 2379, service: 'web' })), [8080, 9090, 2379]);
  t.deepEqual(restricted(mesh('authorization: {allow: none}')), [7070, 8080, 9090, 2379]);
  t.deepEqual(restricted(undefined), [7070, 8080, 9090, 2379], 'no policy yet');
});
