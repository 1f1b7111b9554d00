/** Which route a request takes, which services that leads to, and what is decided there: what operators are told. */
import test from 'ava';
import { explainRequest } from '../../../common/authorization/explain-request.ts';
import { isPerRequest, explainAccess } from '../../../common/authorization/explain-access.ts';
import { whoCanReach } from '../../../common/authorization/who-can-reach.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { formatServicePort } from '../../../common/routes/route.ts';

const CONFIG = readMeshConfig(
  `authorization:
  allow: none
  namespace: shop
  rules:
    - {name: front, action: allow, from: [web], to: [api], ports: [8080]}
    - {name: read, action: allow, from: [web, 'job-*'], to: [next], methods: [GET], paths: [{type: PathPrefix, value: /v2}]}
    - {name: no-jobs, action: deny, from: [job-1], to: [next], methods: [GET]}
routes:
  namespace: shop
  http:
    - name: api
      parentRefs: [{name: api, port: 8080}]
      rules:
        - name: new
          matches: [{path: {value: /new}}]
          filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}}}]
          backendRefs: [{name: next, port: 80}]
        - name: canary
          matches: [{path: {value: /orders}}]
          backendRefs: [{name: api, port: 8080, weight: 3}, {name: next, port: 80}, {name: off, port: 80, weight: 0}]
        - matches: [{path: {value: /old}}]
          filters: [{type: RequestRedirect, requestRedirect: {}}]
        - matches: [{path: {value: /self}}]
`,
  'mesh.yaml',
);

const inShop = (service: string) =>
  spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service });

/** The outcome in one line: the rule, then each backend with its share and verdict. */
function explain(method: string, target: string, to: [string, number] = ['api', 8080]): string {
  const explanation = explainRequest(
    { policy: CONFIG.authorization, routes: CONFIG.routes, enforcersAt: () => [] },
    { source: inShop('web'), destination: inShop(to[0]), port: to[1] },
    { method, target, fields: [] },
  );
  const rule = explanation.kind === 'routed' ? explanation.entry.rule.name : explanation.kind;
  const backends = explanation.backends.map(
    ({ backend, share, access }) => `${formatServicePort(backend)} ${share}% ${access.verdict}`,
  );
  return [rule, ...backends].join(', ');
}

test('a request is explained by its route, backend by backend', (t) => {
  t.is(
    explain('GET', '/orders'),
    'canary, api.shop:8080 75% allowed, next.shop:80 25% refused',
    'the rule at next is about other paths',
  );
  t.is(explain('GET', '/new/x?y'), 'new, next.shop:80 100% allowed', 'as it is rewritten');
  t.is(explain('POST', '/new/x'), 'new, next.shop:80 100% refused');
  t.is(explain('GET', '/self'), ', api.shop:8080 100% allowed', 'the service itself');
  t.is(explain('GET', '/old'), '', 'a redirect asks no backend');
  t.is(explain('GET', '/none'), 'no-match');
  t.is(explain('GET', '/new/../x'), 'ambiguous-path');
});

test('a service without routes is asked itself, and its rules are about the request', (t) => {
  t.is(explain('GET', '/v2/x', ['next', 80]), 'unrouted, next.shop:80 100% allowed');
  t.is(explain('GET', '/v1', ['next', 80]), 'unrouted, next.shop:80 100% refused');
  t.is(explain('PUT', '/v2', ['next', 80]), 'unrouted, next.shop:80 100% refused');
  t.is(explain('GET', '/v2//x', ['next', 80]), 'unrouted, next.shop:80 100% refused');
});

test('of a connection it is said that single requests are decided about', (t) => {
  const at = (service: string, source = 'web') =>
    explainAccess(
      CONFIG.authorization,
      { source: inShop(source), destination: inShop(service), port: service === 'api' ? 8080 : 80 },
      [{ instanceId: 'a', localAllow: { allowances: [] } }],
    );
  t.true(isPerRequest(at('next')));
  t.is(
    at('next').endpoints[0]?.why,
    'the rule read allows it, and rules decide about each request',
  );
  t.false(isPerRequest(at('api')));
  t.false(isPerRequest(at('next', 'db')));
  t.is(at('next', 'db').verdict, 'refused');
  const reach = whoCanReach(
    CONFIG.authorization,
    { destination: inShop('next'), port: 80 },
    { known: [inShop('web'), inShop('db')], enforcers: [] },
  );
  t.deepEqual(
    reach.callers.map(({ identity, access }) => [identity.service, isPerRequest(access)]),
    [
      ['job-1', true],
      ['web', true],
    ],
  );
  t.deepEqual(reach.openNames, [{ name: 'job-*.shop', rule: 'read', perRequest: true }]);
  t.like(reach, { everyOther: 'refused', everyOtherPerRequest: false });
});
