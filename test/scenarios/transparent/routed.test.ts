/**
 * Applications that know nothing of the mesh call by address. The requests for a service that has a route are served by the caller's
 * sidecar, whichever endpoint's address was called; other ports of the same host, and other protocols, go as they did.
 */
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'curl');

const CURL = ['curl', '-sS', '--max-time', '10'] as const;

const ROUTE = `routes:
  namespace: shop
  http:
    - name: api
      parentRefs: [{name: api, port: 8080}]
      rules:
        - filters:
            - type: ResponseHeaderModifier
              responseHeaderModifier: {add: [{name: x-by, value: route}]}
          backendRefs:
            - {name: api, port: 8080, weight: 1}
            - {name: canary, port: 8080, weight: 1}
`;

test('a captured connection is served by the route of the service at its address', async (t) => {
  const { hosts, admin } = await startTransparentMesh(t, { web: [], api: [], canary: [] });
  const { web, api, canary } = hosts;
  const call = async (port: number) =>
    (await web.run(...CURL, '-i', `http://${api.ipv4}:${port}/`)).stdout;
  t.regex(await call(8080), /api got/);
  const file = join(tmpdir(), `hauberk-routed-${process.pid}.yaml`);
  await writeFile(file, ROUTE);
  t.teardown(() => rm(file));
  await admin('apply', '-f', file);
  await eventually('the route is in force', async () =>
    (await call(8080)).includes('x-by: route') ? true : undefined,
  );
  const seen = new Set<string>();
  for (let at = 0; at < 30; at += 1) {
    const answer = await call(8080);
    t.true(answer.includes('x-by: route'));
    seen.add(answer.includes('canary got') ? 'canary' : 'api');
  }
  t.is(seen.size, 2);
  t.false((await call(8090)).includes('x-by'), 'another port has no route');
  t.false(
    (await web.run(...CURL, '-i', `http://${canary.ipv4}:8080/`)).stdout.includes('x-by'),
    'the other service has no route of its own',
  );
  const samples = await web.metrics();
  t.is(samples.sum('hauberk_route_requests_refused_total'), 0);
  t.true(samples.sum('hauberk_route_requests_total', { route: 'api', status: '2xx' }) > 30);
});
