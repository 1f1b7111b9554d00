/**
 * Routes and rules about requests survive the death of the control plane, of the caller's sidecar, of the called one, and of
 * all three; a rollback takes them back, and the same port carries bytes again.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const CONFIG = `authorization:
  namespace: default
  rules:
    - {name: read, action: allow, from: [caller], to: [next], methods: [GET], paths: [{type: PathPrefix, value: /v2}]}
routes:
  namespace: default
  http:
    - name: web
      parentRefs: [{name: web, port: 80}]
      rules:
        - matches: [{path: {value: /new}}]
          filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}}}]
          backendRefs: [{name: next, port: 80}]
        - {}
`;

test('routes hold without a control plane, and after restarts', async (t) => {
  const { mesh, ports, apply, endpoint, knows, caller } = await startRoutedMesh(t, ['web']);
  let [port = 0] = ports;
  const web = await startRecordingApp(t, 'web', (response, { url }) => response.end(`web ${url}`));
  const app = await startRecordingApp(t, 'next', (response, { url }) =>
    response.end(`next ${url}`),
  );
  await endpoint('web', web.port);
  let next = await endpoint('next', app.port);
  await knows('web', 1);
  t.is((await ask(port, '/new/x')).body, 'web /new/x', 'bytes, before there is a route');
  t.is((await caller.metrics()).sum('hauberk_endpoints', { service: 'next.default' }), 0);
  await apply(CONFIG);
  await knows('next', 1);
  const holds = async (when: string): Promise<void> => {
    await eventually(`the route is in force ${when}`, async () => {
      const { body } = await ask(port, '/%6Eew/x?y', { agent: false }).catch(() => ({ body: '' }));
      return body === 'next /v2/x?y' || undefined;
    });
    t.is((await ask(port, '/else', { agent: false })).body, 'web /else', when);
    const posted = await ask(port, '/new/x', { method: 'POST', agent: false });
    t.is(posted.status, 403, `a request that no rule allows is refused ${when}`);
    const odd = await ask(port, '/new/%2e%2e/x', { agent: false });
    t.is(odd.status, 400, when);
  };
  await holds('at first');
  // A burst of endpoints is saved once, a second later: what is killed before that knows the route and not where it leads.
  const savedView = path.join(caller.stateDirectory, 'view.json');
  await eventually('the backend is saved', async () =>
    (await readFile(savedView, 'utf8')).includes('/sa/next"') ? true : undefined,
  );

  await mesh.controlPlane.kill();
  await holds('without a control plane');
  await next.process.end('SIGKILL');
  next = await mesh.revive(next);
  await holds('after the called sidecar was killed');
  await caller.process.end('SIGKILL');
  const again = await mesh.revive(caller);
  [port = 0] = again.upstreamPorts;
  await holds('after the calling sidecar was killed');

  await mesh.controlPlane.start();
  await again.process.logged('sync-connected');
  await holds('with a control plane again');
  t.is((await mesh.admin(['rollback'])).code, 0);
  await eventually('the port carries bytes again', async () => {
    const { body } = await ask(port, '/new/x', { agent: false });
    return body === 'web /new/x' || undefined;
  });
  t.true(app.requests.every(({ method, url }) => method === 'GET' && url.startsWith('/v2/')));
});
