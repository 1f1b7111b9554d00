import test from 'ava';
import { readNamePattern } from '../../../../common/authorization/name-pattern.ts';
import type { Policy, PolicyRule } from '../../../../common/authorization/policy.ts';
import { spiffeId } from '../../../../common/pki/spiffe-id.ts';
import { reachableScopes } from '../../../../proxy/discovery/interest/reachable-scopes.ts';

const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
const OWN = ['namespace shop'];

function patterns(...names: readonly string[]) {
  return names.map((name) => {
    const reading = readNamePattern(name);
    if (reading.kind !== 'pattern') throw new TypeError(reading.sentence);
    return reading.pattern;
  });
}

function rule(action: PolicyRule['action'], from: string, ...to: readonly string[]): PolicyRule {
  return {
    name: to.join(),
    action,
    audit: false,
    ports: [],
    from: patterns(from),
    to: patterns(...to),
  };
}

const reachable = (fallback: Policy['fallback'], ...rules: readonly PolicyRule[]) =>
  reachableScopes(web, { fallback, rules });

test('where every member may call, a sidecar is told of its namespace', (t) => {
  t.deepEqual(reachableScopes(web, undefined), OWN);
  t.deepEqual(reachable('mesh', rule('allow', 'web.shop', 'api.shop')), OWN);
});

test('where nothing is allowed but what rules name, it is told of that', (t) => {
  t.deepEqual(
    reachable(
      'none',
      rule('allow', 'web.shop', 'api.shop', '*.db'),
      rule('allow', '*.shop', 'mail.office'),
      rule('allow', 'other.shop', 'secret.shop'),
      rule('deny', 'web.shop', 'denied.shop'),
    ),
    ['service shop/api', 'namespace db', 'service office/mail'],
  );
  t.deepEqual(reachable('none'), []);
});

test('what a rule does not name is no reason to be told of all of the mesh', (t) => {
  t.deepEqual(reachable('none', rule('allow', 'web.shop', '*')), OWN);
  t.deepEqual(reachable('none', rule('allow', 'web.shop', 'api.*')), OWN);
  const many = Array.from({ length: 300 }, (_, at) => `s${at}.shop`);
  t.deepEqual(reachable('none', rule('allow', 'web.shop', ...many)), OWN);
  t.is(reachable('none', rule('allow', 'web.shop', 'api*.shop'))[0], 'namespace shop');
});
