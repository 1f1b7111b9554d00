/** Which rule a request is for: the cases of the conformance suite of the Gateway API, and what it leaves open. */
import test from 'ava';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import { routeTable } from '../../../common/routes/route-table.ts';
import { API, exact, prefix, routeOf, ruleFor, ruleOf, tableOf } from './sample-routes.ts';

const v = (name: string, value: string) => ({ name, value });

test('a service without a route is carried as bytes, also beside one that has one', (t) => {
  const routes = { ...NO_ROUTES, routes: [routeOf([ruleOf('all', [{}])])] };
  t.is(routeTable(NO_ROUTES, API), undefined);
  t.is(routeTable(routes, { ...API, port: 9090 }), undefined);
  t.is(routeTable(routes, { ...API, namespace: 'other' }), undefined);
  t.is(routeTable(routes, { ...API, service: 'web' }), undefined);
  t.not(routeTable(routes, API), undefined);
});

test('without a backend a request goes to the parent, and a redirect to none', (t) => {
  const { entries } = tableOf(
    routeOf([
      ruleOf('plain', [{ path: prefix('/a') }]),
      ruleOf('redirect', [{ path: prefix('/b') }], {
        filters: { mirrors: [], redirect: { statusCode: 302 } },
      }),
      ruleOf('canary', [{ path: prefix('/c') }], { backends: [{ ...API, port: 1, weight: 5 }] }),
    ]),
  );
  const backends = Object.fromEntries(entries.map(({ rule }) => [rule.name, rule.backends]));
  t.deepEqual(backends, {
    plain: [{ ...API, weight: 1 }],
    redirect: [],
    canary: [{ ...API, port: 1, weight: 5 }],
  });
});

test('HTTPRouteMatching: prefixes are of whole segments, whatever their last slash', (t) => {
  const table = tableOf(
    routeOf([
      ruleOf('v1', [{ path: prefix('/') }, { headers: [v('version', 'one')] }]),
      ruleOf('v2', [{ path: prefix('/v2') }, { headers: [v('version', 'two')] }]),
    ]),
  );
  t.is(ruleFor(table, '/'), 'v1');
  t.is(ruleFor(table, '/example'), 'v1');
  t.is(ruleFor(table, '/', { fields: [v('Version', 'one')] }), 'v1');
  t.is(ruleFor(table, '/v2'), 'v2');
  t.is(ruleFor(table, '/v2?x=1'), 'v2');
  t.is(ruleFor(table, '/v2/'), 'v2');
  t.is(ruleFor(table, '/v2/example'), 'v2');
  t.is(ruleFor(table, '/v2example'), 'v1');
  t.is(ruleFor(table, '/foo/v2/example'), 'v1');
});

test('HTTPRoutePathMatchOrder: an exact path before the longest prefix before shorter ones', (t) => {
  const table = tableOf(
    routeOf([
      ruleOf('any', [{ path: prefix('/match') }]),
      ruleOf('long prefix', [{ path: prefix('/match/prefix') }]),
      ruleOf('longer', [{ path: prefix('/match/prefix/one') }]),
      ruleOf('exact', [{ path: exact('/match/exact') }]),
      ruleOf('exact one', [{ path: exact('/match/exact/one') }]),
    ]),
  );
  t.is(ruleFor(table, '/match/exact/one'), 'exact one');
  t.is(ruleFor(table, '/match/exact'), 'exact');
  t.is(ruleFor(table, '/match'), 'any');
  t.is(ruleFor(table, '/match/prefix/one/any'), 'longer');
  t.is(ruleFor(table, '/match/prefix/any'), 'long prefix');
  t.is(ruleFor(table, '/match/any'), 'any');
});

test('HTTPExactPathMatching: no slash more, no case less, and 404 for the rest', (t) => {
  const table = tableOf(
    routeOf([ruleOf('one', [{ path: exact('/one') }]), ruleOf('two', [{ path: exact('/two') }])]),
  );
  t.is(ruleFor(table, '/one'), 'one');
  t.is(ruleFor(table, '/two'), 'two');
  for (const target of ['/', '/one/example', '/two/', '/Two', '/tw']) {
    t.is(ruleFor(table, target), 'no-match', target);
  }
});

test('the exact path / alone is no other path', (t) => {
  const table = tableOf(routeOf([ruleOf('home', [{ path: exact('/') }])]));
  t.is(ruleFor(table, '/'), 'home');
  t.is(ruleFor(table, '/?a=b'), 'home');
  t.is(ruleFor(table, '/other'), 'no-match');
});

test('HTTPRouteHeaderMatching: all headers of a match, by their whole value', (t) => {
  const table = tableOf(
    routeOf([
      ruleOf('one', [{ headers: [v('version', 'one')] }]),
      ruleOf('two', [{ headers: [v('version', 'two')] }]),
      ruleOf('orange', [{ headers: [v('version', 'two'), v('color', 'orange')] }]),
      ruleOf('blue or green', [
        { headers: [v('color', 'blue')] },
        { headers: [v('color', 'green')] },
      ]),
    ]),
  );
  const at = (...fields: { name: string; value: string }[]): string =>
    ruleFor(table, '/', { fields });
  t.is(at(v('VERSION', 'one')), 'one');
  t.is(at(v('version', 'two')), 'two');
  t.is(at(v('version', 'two'), v('color', 'orange')), 'orange');
  t.is(at(v('color', 'blue')), 'blue or green');
  t.is(at(v('color', 'green')), 'blue or green');
  t.is(at(v('version', 'one'), v('color', 'orange')), 'one');
  t.is(at(v('color', 'orange')), 'no-match');
  t.is(at(v('some-other-header', 'one')), 'no-match');
  t.is(at(v('version', 'One')), 'no-match');
  t.is(at(v('version', 'one'), v('version', 'two')), 'no-match', 'several fields are one');
  t.is(at(), 'no-match');
});

test('HTTPRouteMethodMatching, and the order of method, headers and query parameters', (t) => {
  const table = tableOf(
    routeOf([
      ruleOf('post', [{ method: 'POST' }]),
      ruleOf('get', [{ method: 'GET' }]),
      ruleOf('query', [{ queryParams: [v('a', '1'), v('b', '2'), v('c', '3')] }]),
      ruleOf('header', [{ headers: [v('version', 'one')] }]),
      ruleOf('path', [{ path: prefix('/path') }]),
    ]),
  );
  const fields = [v('version', 'one')];
  t.is(ruleFor(table, '/', { method: 'POST' }), 'post');
  t.is(ruleFor(table, '/', { method: 'GET' }), 'get');
  t.is(ruleFor(table, '/', { method: 'HEAD' }), 'no-match');
  t.is(ruleFor(table, '/', { method: 'get' }), 'no-match', 'methods are case-sensitive');
  t.is(ruleFor(table, '/?a=1&b=2&c=3', { method: 'PUT' }), 'query');
  t.is(ruleFor(table, '/?a=1&b=2&c=3', { method: 'PUT', fields }), 'header');
  t.is(ruleFor(table, '/?a=1&b=2&c=3', { method: 'POST', fields }), 'post');
  t.is(ruleFor(table, '/path?a=1&b=2&c=3', { method: 'POST', fields }), 'path');
});

test('HTTPRouteQueryParamMatching: all parameters, decoded, the first of a name', (t) => {
  const table = tableOf(
    routeOf([
      ruleOf('whale', [{ queryParams: [v('animal', 'whale')] }]),
      ruleOf('dolphin', [{ queryParams: [v('animal', 'dolphin')] }]),
      ruleOf('blue', [{ queryParams: [v('animal', 'dolphin'), v('color', 'blue')] }]),
      ruleOf('spaced', [{ queryParams: [v('my name', 'a&b')] }]),
    ]),
  );
  t.is(ruleFor(table, '/?animal=whale'), 'whale');
  t.is(ruleFor(table, '/?animal=dolphin'), 'dolphin');
  t.is(ruleFor(table, '/?animal=dolphin&color=blue'), 'blue');
  t.is(ruleFor(table, '/?color=blue&animal=dolphin&x'), 'blue');
  t.is(ruleFor(table, '/?my%20name=a%26b'), 'spaced');
  t.is(ruleFor(table, '/?animal=whale&animal=dolphin'), 'whale');
  for (const target of ['/', '/?animal', '/?ANIMAL=whale', '/?animal=whales', '/animal=whale']) {
    t.is(ruleFor(table, target), 'no-match', target);
  }
});

test('what is equal stays in the order of the document, across routes too', (t) => {
  const table = tableOf(
    routeOf([
      ruleOf('first', [{ path: prefix('/a') }]),
      ruleOf('second', [{ path: prefix('/a/') }]),
    ]),
    routeOf([
      ruleOf('third', [{ path: prefix('/a') }]),
      ruleOf('longer', [{ path: prefix('/a/b') }]),
    ]),
  );
  t.is(ruleFor(table, '/a'), 'first');
  t.is(ruleFor(table, '/a/b/c'), 'longer');
});

test('GRPCExactMethodMatching and GRPCRouteHeaderMatching', (t) => {
  const table = tableOf(
    routeOf(
      [
        ruleOf('any Get', [{ grpcMethod: { method: 'Get' } }]),
        ruleOf('orders', [{ grpcMethod: { service: 'shop.Orders' } }]),
        ruleOf('orders Get', [{ grpcMethod: { service: 'shop.Orders', method: 'Get' } }]),
        ruleOf('v2', [
          { grpcMethod: { service: 'shop.Orders', method: 'Get' }, headers: [v('version', '2')] },
        ]),
      ],
      { kind: 'grpc' },
    ),
  );
  const at = (target: string, fields: { name: string; value: string }[] = []): string =>
    ruleFor(table, target, { method: 'POST', fields });
  t.is(at('/shop.Orders/Get'), 'orders Get');
  t.is(at('/shop.Orders/Get', [v('version', '2')]), 'v2');
  t.is(at('/shop.Orders/List'), 'orders');
  t.is(at('/shop.Stock/Get'), 'any Get');
  for (const target of [
    '/shop.Stock/List',
    '/shop.OrdersX/List',
    '/shop.Order/Li',
    '/shop.Orders',
  ]) {
    t.is(at(target), 'no-match', target);
  }
  t.is(at('/shop.Orders/Get/more'), 'no-match');
});

test('a path that servers read in several ways is for no rule, unless no rule looks at paths', (t) => {
  const all = ruleOf('all', [{ path: prefix('/') }]);
  const careful = tableOf(routeOf([all, ruleOf('admin', [{ path: prefix('/admin') }])]));
  const careless = tableOf(routeOf([all]));
  for (const target of [
    '/x/../admin',
    '/raw/..%2fadmin',
    '//admin',
    '/%2e%2E/admin',
    '/a%5cadmin',
  ]) {
    t.is(ruleFor(careful, target), 'ambiguous-path', target);
    t.is(ruleFor(careless, target), 'all', target);
  }
  t.is(ruleFor(careful, '/%61dmin/x'), 'admin', 'an escaped letter is that letter');
  t.is(ruleFor(careful, '*', { method: 'OPTIONS' }), 'all');
});
