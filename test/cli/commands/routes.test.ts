// An operator writes routes: what changes is shown first, names that nothing has are told, and one request is followed to
// the backends that it may reach.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const CONFIG = `authorization:
  namespace: shop
  rules:
    - {name: front, action: allow, from: [web], to: [api]}
    - {name: read, action: allow, from: [web], to: [next], methods: [GET]}
routes:
  namespace: shop
  http:
    - name: api
      parentRefs: [{name: api, port: 8080}]
      rules:
        - name: canary
          matches: [{path: {value: /orders}}]
          backendRefs: [{name: api, port: 8080, weight: 90}, {name: next, port: 8080, weight: 10}]
          timeouts: {request: 1s}
        - matches: [{method: DELETE}]
          filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /}}}]
        - matches: [{method: DELETE}]
  backends:
    - targetRefs: [{name: next, port: 9090}]
`;

test('routes are shown before they are applied, listed, and followed for one request', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'web', namespace: 'shop' });
  await mesh.sidecar({ service: 'api', namespace: 'shop', expose: ['8080'] });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(args);
    t.is(code, 0, stderr);
    return { stdout, stderr };
  };
  t.is(
    (await run('routes')).stdout,
    'there are no routes in version 0 of the mesh configuration: every service is carried as bytes\n',
  );
  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, CONFIG);
  const dry = await run('apply', '-f', file, '--dry-run');
  t.is(
    dry.stderr,
    'hauberk apply: the rule read: the mesh has never seen a workload that next.shop names\n' +
      'hauberk apply: the route api: the mesh has never seen a workload that next.shop names\n' +
      'hauberk apply: routes.backends: the mesh has never seen a workload that next.shop names\n' +
      'hauberk apply: routes.backends: no route leads to next.shop:9090, so that its entry has no effect\n' +
      'hauberk apply: routes: the rule api/3 takes no request for api.shop:8080: api/2 has the same matches and counts first\n',
  );
  t.regex(
    dry.stdout,
    /\napi\.shop:8080: callers' sidecars handle its HTTP by its routes from now on\n\nnothing was changed, version 0 stays/,
  );
  const { routes: changes } = JSON.parse((await run('apply', '-f', file, '--json')).stdout);
  t.deepEqual(changes, { handled: ['api.shop:8080'], changed: [], carried: [] });

  const { stdout: table } = await run('routes');
  t.regex(table, /^ROUTE +KIND +FOR +RULE +REQUESTS +BACKENDS +BESIDES\n/);
  t.regex(
    table,
    /\napi +http +api\.shop:8080 +canary +\/orders\/\* +api\.shop:8080 90% \(1 endpoint\), next\.shop:8080 10% \(no endpoint\) +time-outs\n/,
  );
  t.regex(table, /\napi +http +api\.shop:8080 +2 +DELETE +- +redirects with 302\n/);
  const listed = JSON.parse((await run('routes', '--json')).stdout);
  t.like(listed, { version: 1, routes: [{ name: 'api', kind: 'http', for: ['api.shop:8080'] }] });
  t.like(listed.routes[0].rules[0], {
    name: 'canary',
    requests: ['/orders/*'],
    backends: [
      { service: 'api.shop:8080', percent: 90, endpoints: 1 },
      { service: 'next.shop:8080', percent: 10, endpoints: 0 },
    ],
  });

  const explain = async (...args: string[]): Promise<string> =>
    (await run('authz', 'explain', '--from=web.shop', '--to=api.shop:8080', ...args)).stdout;
  t.regex(
    await explain(),
    /^allowed: web\.shop to api\.shop:8080\nbecause [^]*\nits requests are sent by routes: ask about one with --method and --path\n$/,
  );
  const posted = await explain('--method=POST', '--path=/orders/7');
  t.regex(
    posted,
    /^differs: POST \/orders\/7 from web\.shop to api\.shop:8080\nit is sent by the route api, rule canary, whose match is \/orders\/\*:\n/,
  );
  t.regex(posted, /\napi\.shop:8080 +90% +1 +allowed +the rule front allows it\n/);
  t.regex(
    posted,
    /\nnext\.shop:8080 +10% +0 +refused +the rule read allows the caller other requests only\n/,
  );
  t.regex(await explain('--path=/orders'), /^allowed: GET \/orders from /);
  t.regex(
    await explain('--method=DELETE'),
    /^not sent: [^]*redirects it with 302 by the route api/,
  );
  t.regex(await explain('--path=/none'), /^not sent: [^]*answers it with 404: no rule/);
  t.regex(await explain('--path=/a/../b'), /^not sent: [^]*answers it with 400: servers read/);
  const told = JSON.parse(await explain('--method=POST', '--path=/orders', '--json'));
  t.like(told, {
    allowed: null,
    outcome: 'routed',
    request: { method: 'POST', path: '/orders' },
    route: { name: 'api', rule: 'canary', match: '/orders/*', redirects: false },
    version: 1,
  });
  t.like(told.backends[1], { service: 'next.shop:8080', percent: 10, allowed: false });

  const direct = ['authz', 'explain', '--from=web.shop', '--to=next.shop:80'];
  t.regex(
    (await run(...direct)).stdout,
    /^allowed: [^]*, and rules decide about each request\n[^]*\nrequests are decided about one by one: ask about one with --method and --path\n$/,
  );
  t.regex(
    (await run(...direct, '--method=PUT')).stdout,
    /^refused \(denied-request\): PUT \/ from /,
  );
  t.regex((await run(...direct, '--method=GET')).stdout, /^allowed: GET \/ from web\.shop to next/);
  t.regex(
    (await run('authz', 'who-can-reach', 'next.shop:80', '--force')).stdout,
    /\nweb\.shop +yes +the rule read allows it, and rules decide about each request\n/,
  );
  t.is((await mesh.admin([...direct, '--path=orders'])).code, 2);
});
