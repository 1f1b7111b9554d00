import test from 'ava';
import { decide, type Identity } from '../../../common/authorization/decide.ts';
import type { Enforcer } from '../../../common/authorization/explain-access.ts';
import { whoCanReach } from '../../../common/authorization/who-can-reach.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { TABLE } from './decision-table.ts';

const KNOWN = ['web', 'job-1', 'db'].map((service) => ({
  trustDomain: 'mesh.local',
  namespace: 'shop',
  service,
}));
const door = (service: string, port: number) => ({
  destination: { trustDomain: 'mesh.local', namespace: 'shop', service },
  port,
});

function reach(text: string, service: string, port: number, enforcers: Enforcer[] = []) {
  const policy = readMeshConfig(text, 'mesh.yaml').authorization;
  const { callers, openNames, everyOther } = whoCanReach(policy, door(service, port), {
    known: KNOWN,
    enforcers,
  });
  const names = callers.map(({ identity }) => `${identity.service}.${identity.namespace}`);
  return { names, openNames, everyOther };
}

test('without rules everybody of the mesh may', (t) => {
  const everybody = ['db.shop', 'job-1.shop', 'web.shop'];
  t.deepEqual(reach('', 'api', 80), { names: everybody, openNames: [], everyOther: 'allowed' });
  t.deepEqual(reach('authorization: {allow: none}', 'api', 80).names, []);
});

test('rules name who may, also whom nobody has seen, and names with wildcards', (t) => {
  const text = `authorization:
  namespace: shop
  rules:
    - {name: front, action: allow, from: [web, later, 'job-*'], to: [api], ports: [80]}
    - {name: not-one, action: deny, from: [job-1], to: ['*']}
    - {name: elsewhere, action: allow, from: ['x*'], to: [db]}
    - {name: partner, action: allow, from: [spiffe://partner.example/ns/edge/sa/gw], to: [api]}
`;
  t.deepEqual(reach(text, 'api', 80), {
    names: ['later.shop', 'web.shop', 'gw.edge'],
    openNames: [{ name: 'job-*.shop', rule: 'front', perRequest: false }],
    everyOther: 'refused',
  });
  t.deepEqual(reach(text, 'api', 81).names, ['gw.edge'], 'the rule is about every port');
  t.is(reach(text, 'web', 1).everyOther, 'allowed');
});

test('it says of the known ones what the decision says', (t) => {
  const doors = [door('api', 8080), door('api', 9090), door('db', 5432)];
  for (const { name, document } of TABLE) {
    const policy = readMeshConfig(document, 'mesh.yaml').authorization;
    for (const at of doors) {
      const listed = whoCanReach(policy, at, { known: KNOWN, enforcers: [] }).callers.map(
        ({ identity }) => identity,
      );
      const allowed = KNOWN.filter((source) => decide(policy, { ...at, source }).allowed);
      const missing = allowed.filter((one) => !listed.some((other) => isSame(one, other)));
      const wrong = listed.filter((source) => !decide(policy, { ...at, source }).allowed);
      t.deepEqual({ missing, wrong }, { missing: [], wrong: [] }, name);
    }
  }
});

function isSame(a: Identity, b: Identity): boolean {
  return a.trustDomain === b.trustDomain && a.namespace === b.namespace && a.service === b.service;
}
