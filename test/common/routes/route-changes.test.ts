/** What is told of routes: what changes, what is named, what has no effect, and matches in words. */
import test from 'ava';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import { describeMatch } from '../../../common/routes/describe-match.ts';
import { idleBackendPolicies, namedServices } from '../../../common/routes/named-services.ts';
import { formatServicePort } from '../../../common/routes/route.ts';
import { describeRouteChanges, routeChanges } from '../../../common/routes/route-changes.ts';
import { unreachedRules } from '../../../common/routes/unreached-rules.ts';
import { exact, matchOf, prefix } from './sample-routes.ts';

const read = (text: string) =>
  readMeshConfig(`routes:\n  namespace: shop\n${text}`, 'mesh.yaml').routes;
const BEFORE = read(`  http:
    - {name: a, parentRefs: [{name: api, port: 80}, {name: web, port: 80}]}
    - {name: b, parentRefs: [{name: old, port: 80}]}
`);
const AFTER = read(`  http:
    - {name: c, parentRefs: [{name: web, port: 80}]}
    - {name: a, parentRefs: [{name: api, port: 80}], rules: [{timeouts: {request: 1s}}]}
    - {name: d, parentRefs: [{name: new, port: 80}], rules: [{backendRefs: [{name: next, port: 81}]}]}
  backends:
    - targetRefs: [{name: next, port: 81}, {name: next, port: 82}]
`);

test('a change is told by the services that it is about', (t) => {
  const changes = routeChanges(BEFORE, AFTER);
  t.deepEqual(changes, {
    handled: ['new.shop:80'],
    changed: ['api.shop:80'],
    carried: ['old.shop:80'],
  });
  t.is(describeRouteChanges(changes).length, 3);
  t.deepEqual(routeChanges(AFTER, AFTER), { handled: [], changed: [], carried: [] });
  t.deepEqual(routeChanges(NO_ROUTES, NO_ROUTES), { handled: [], changed: [], carried: [] });
});

test('every service that routes name is known, and so are entries without an effect', (t) => {
  t.deepEqual(
    namedServices(AFTER).map(({ place, service }) => `${place} ${formatServicePort(service)}`),
    [
      'the route c web.shop:80',
      'the route a api.shop:80',
      'the route d new.shop:80',
      'the route d next.shop:81',
      'routes.backends next.shop:81',
      'routes.backends next.shop:82',
    ],
  );
  t.deepEqual(idleBackendPolicies(AFTER).map(formatServicePort), ['next.shop:82']);
});

test('a rule that another one leaves no request is told', (t) => {
  const routes = read(`  http:
    - name: a
      parentRefs: [{name: api, port: 80}]
      rules:
        - matches: [{path: {value: /a}, headers: [{name: x, value: '1'}, {name: y, value: '2'}]}]
        - {name: rest}
        - name: twice
          matches: [{path: {value: /a/}, headers: [{name: Y, value: '2'}, {name: x, value: '1'}]}]
        - matches: [{path: {value: /a}}, {path: {type: Exact, value: /a}}, {path: {value: /a}}]
    - {name: b, parentRefs: [{name: api, port: 80}, {name: web, port: 80}]}
    - name: c
      parentRefs: [{name: web, port: 80}]
      rules: [{matches: [{path: {value: /}}, {path: {value: /more}}]}, {matches: [{path: {value: /}}]}]
`);
  t.deepEqual(unreachedRules(routes), [
    { service: 'api.shop:80', rule: 'a/twice', taker: 'a/1' },
    { service: 'api.shop:80', rule: 'b/1', taker: 'a/rest' },
    { service: 'web.shop:80', rule: 'c/2', taker: 'b/1' },
  ]);
  t.deepEqual(unreachedRules(AFTER), []);
});

test('a match in words', (t) => {
  const headers = [{ name: 'x-a', value: 'b' }];
  t.is(describeMatch(matchOf()), '*');
  t.is(describeMatch(matchOf({ path: prefix('/') })), '/*');
  t.is(
    describeMatch(
      matchOf({
        method: 'GET',
        path: prefix('/a'),
        headers,
        queryParams: [{ name: 'p', value: '1' }],
      }),
    ),
    'GET /a/* x-a=b ?p=1',
  );
  t.is(describeMatch(matchOf({ path: exact('/a') })), '/a');
  t.is(describeMatch(matchOf({ grpcMethod: { service: 'shop.Orders' } })), 'shop.Orders/*');
  t.is(describeMatch(matchOf({ grpcMethod: { method: 'Get' } })), '*/Get');
});
