// What follows from a policy of the mesh is named at once, and its routes wait for what is known of their backends.
import test from 'ava';
import { createGuard } from '../../../../common/guard.ts';
import { spiffeId } from '../../../../common/pki/spiffe-id.ts';
import { NO_ROUTES, type Routes } from '../../../../common/routes/backend-policy.ts';
import { addressScope } from '../../../../common/wire/interest.ts';
import { Interest } from '../../../../proxy/discovery/interest/interest.ts';
import { MeshNeeds, ROUTES_DEADLINE_MS } from '../../../../proxy/discovery/interest/mesh-needs.ts';
import { createMeshView, type ViewUpdate } from '../../../../proxy/discovery/mutable-view.ts';
import { createPolicySource } from '../../../../proxy/policy/policy-source.ts';
import { routeOf, ruleOf } from '../../../common/routes/sample-routes.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
const backend = (service: string) => ({ namespace: 'shop', service, port: 80, weight: 1 });

/** Requests for `api.shop:8080` go to one service, and copies of them to another. */
function routesTo(service: string, mirror?: string): Routes {
  const mirrors = mirror === undefined ? [] : [{ ...backend(mirror), percent: 100 }];
  const rule = ruleOf('all', [{}], { backends: [backend(service)], filters: { mirrors } });
  return { ...NO_ROUTES, routes: [routeOf([rule])] };
}

const policyOf = (configVersion: number, routes: Routes, fallback: 'mesh' | 'none' = 'mesh') => ({
  configVersion,
  policy: { fallback, rules: [] },
  egress: { listed: false, allowances: [], destinations: [] },
  routes,
});

/** The answer that a sidecar of another namespace is there. */
function metAt(address: string, service: string): ViewUpdate {
  const endpoint = {
    instanceId: `${service}-1`,
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'far', service }),
    addresses: [address],
    proven: [address],
    contests: [],
    hbonePort: 15_008,
    ports: [],
    anyPort: true,
  } as const;
  const complete = [addressScope(address)];
  return { kind: 'delta', version: 2, upserted: [endpoint], removed: [], complete };
}

function underTest({ transparent = false, upstreams = ['api'] } = {}) {
  const clock = createManualClock();
  const interest = new Interest();
  const view = createMeshView();
  const policies = createPolicySource(web, { fallback: 'anybody', rules: [] });
  const needs = new MeshNeeds({
    self: web,
    transparent,
    upstreams: upstreams.map((service) => ({ namespace: 'shop', service })),
    policies,
    interest,
    view,
    clock,
    guard: createGuard({ clock, logger: createLogRecorder().logger }),
  });
  return { clock, interest, view, policies, needs };
}

test('an upstream and the backends of its routes are needed, and what a route of others leads to is not', (t) => {
  const { interest, needs } = underTest({ upstreams: ['api', 'db'] });
  needs.set(policyOf(1, routesTo('next', 'copy')));
  t.deepEqual(
    [...(interest.wanted ?? [])],
    [
      'service shop/web',
      'service shop/api',
      'service shop/db',
      'service shop/next',
      'service shop/copy',
    ],
  );
  const other = underTest({ upstreams: ['db'] });
  other.needs.set(policyOf(1, routesTo('next')));
  t.deepEqual([...(other.interest.wanted ?? [])], ['service shop/web', 'service shop/db']);
});

test('a transparent sidecar needs its namespace, and backends of the services that it has met', (t) => {
  const { interest, needs, view } = underTest({ transparent: true, upstreams: [] });
  const far = [{ namespace: 'far', service: 'api', port: 8080 }];
  const rule = ruleOf('all', [{}], { backends: [{ ...backend('next'), namespace: 'far' }] });
  const routes = { ...NO_ROUTES, routes: [routeOf([rule], { parents: far })] };
  view.apply({ kind: 'snapshot', version: 1, endpoints: [], complete: [] });
  needs.set(policyOf(1, routes));
  t.deepEqual([...(interest.wanted ?? [])], ['service shop/web', 'namespace shop']);
  view.apply(metAt('10.0.0.2', 'api'));
  t.true(interest.wanted?.has('service far/next'));
});

test('a route without backends leads to all of the service itself, wherever one of it was met', (t) => {
  const { interest, needs, view } = underTest({ transparent: true, upstreams: [] });
  const parents = ['api', 'db'].map((service) => ({ namespace: 'far', service, port: 8080 }));
  const redirect = { mirrors: [], redirect: { statusCode: 302 } } as const;
  view.apply({ kind: 'snapshot', version: 1, endpoints: [], complete: [] });
  needs.set(policyOf(1, { ...NO_ROUTES, routes: [routeOf([ruleOf('all', [{}])], { parents })] }));
  view.apply(metAt('10.0.0.2', 'api'));
  t.true(interest.wanted?.has('service far/api'));
  t.false(interest.wanted?.has('service far/db'), 'of which none was met');
  const rules = [ruleOf('all', [{}], { filters: redirect })];
  needs.set(policyOf(2, { ...NO_ROUTES, routes: [routeOf(rules, { parents })] }));
  t.false(interest.wanted?.has('service far/api'));
});

test('what a policy forbids is in force at once, and its routes when their endpoints are known', async (t) => {
  const { interest, policies, needs, view } = underTest();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [], complete: ['service shop/a'] });
  needs.set(policyOf(1, routesTo('a')));
  t.is(needs.settled, undefined);
  needs.set(policyOf(2, routesTo('b'), 'none'));
  t.is(policies.mesh?.policy.fallback, 'none');
  t.is(policies.mesh?.routes.routes[0]?.rules[0]?.backends[0]?.service, 'a');
  t.is(needs.mesh?.routes.routes[0]?.rules[0]?.backends[0]?.service, 'b', 'this is what is saved');
  t.true(interest.wanted?.has('service shop/a'), 'requests are sent there still');

  const { settled } = needs;
  const answer = { kind: 'delta', version: 1, upserted: [], removed: [] } as const;
  view.apply({ ...answer, complete: ['service shop/b'] });
  await settled;
  t.is(policies.mesh?.routes.routes[0]?.rules[0]?.backends[0]?.service, 'b');
  t.is(needs.settled, undefined);
  t.deepEqual([...interest.get('routes')], ['service shop/b']);
});

test('without an answer routes are in force a second later; of several the newest is', async (t) => {
  const { clock, policies, needs, view } = underTest();
  view.apply({ kind: 'snapshot', version: 1, endpoints: [], complete: [] });
  needs.set(policyOf(1, NO_ROUTES));
  needs.set(policyOf(2, routesTo('a')));
  needs.set(policyOf(3, routesTo('b')));
  t.is(policies.mesh?.configVersion, 1, 'not all of a newer one is in force');
  await clock.advance(ROUTES_DEADLINE_MS);
  t.is(policies.mesh?.configVersion, 3);
  t.is(policies.mesh?.routes.routes[0]?.rules[0]?.backends[0]?.service, 'b');
  t.is(clock.pending.length, 0);
});
