// `hauberk describe` of a service in a real mesh: where it runs, who may reach it and who does, its routes.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const CONFIG = `authorization:
  allow: none
  namespace: default
  rules:
    - {name: front, action: allow, from: [web], to: [api], ports: [8080]}
routes:
  namespace: default
  http:
    - name: orders
      parentRefs: [{name: api, port: 8080}]
      rules:
        - matches: [{path: {value: /}}]
          backendRefs: [{name: api, port: 8080}]
`;

test('a service is described by what is known and what passes', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`, '81'] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  await mesh.sidecar({ service: 'job' });
  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, CONFIG);
  const applied = await mesh.admin(['apply', '-f', file]);
  t.is(applied.code, 0, applied.stderr);
  const load = startHttpLoad(t, { port: web.upstreamPorts[0] ?? 0, concurrency: 1, paceMs: 50 });
  await load.more(5);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(['describe', ...args]);
    t.is(code, 0, stderr);
    return stdout;
  };

  const api = JSON.parse(await run('api', '--json'));
  t.like(api, { service: 'api', namespace: 'default', version: 1, calls: [] });
  t.is(api.sidecars.length, 1);
  t.like(api.sidecars[0], { exposedPorts: [81, 8080], connected: true });
  t.true(api.sidecars[0].certificate.secondsLeft > 0);
  const [closed, served] = api.access;
  t.like(closed, { port: 81, callers: [], everyOther: false });
  t.like(served, { port: 8080, everyOther: false });
  t.deepEqual(
    served.callers.map(({ caller, known, allowed }: Record<string, unknown>) => [
      caller,
      known,
      allowed,
    ]),
    [['web.default', true, true]],
  );
  t.is(api.calledBy.length, 1);
  t.like(api.calledBy[0], { from: 'spiffe://mesh.local/ns/default/sa/web', security: 'mtls' });
  t.true(api.calledBy[0].requestsPerSecond > 0);
  t.is(api.routes.length, 1);
  t.like(api.routes[0], { name: 'orders', kind: 'http' });

  const text = await run('api.default', '--window=1s');
  t.regex(text, /^api\.default: 1 sidecars?, 1 connected\nINSTANCE +ADDRESS +PORTS .*\n/);
  t.regex(text, /PORT +CALLER +KNOWN +WHY\n8080 +web\.default +yes +the rule front allows it\n/);
  t.regex(text, /no other caller may reach api\.default:81\n/);
  t.regex(text, /who calls it, in \d s\nFROM .*\nweb\.default +api\.default:8080 +mTLS /);
  t.regex(text, /routes\nROUTE .*\norders\S* +http +api\.default:8080 /);

  const caller = JSON.parse(await run('web', '--json', '--window=1s'));
  t.is(caller.calledBy.length, 0);
  t.like(caller.calls[0], { to: 'spiffe://mesh.local/ns/default/sa/api', port: 8080 });
  t.regex(await run('job', '--window=1s'), /who may reach it: no caller, as no sidecar exposes/);

  const wrong = await mesh.admin(['describe', 'apl']);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /never seen a workload that apl\.default names; did you mean api\.default/);
  const elsewhere = await mesh.admin(['describe', 'api', '--namespace', 'shop']);
  t.regex(elsewhere.stderr, /a workload that api\.shop names; did you mean api\.default\?\n$/);
  const malformed = await mesh.admin(['describe', 'api:8080']);
  t.regex(malformed.stderr, /expected SERVICE\[\.NAMESPACE\], got "api:8080"; as in api\.shop\n$/);
  t.deepEqual((await load.stop()).failures, []);
});
