/**
 * What a sidecar believes, asked of the sidecar itself: of one in one process, and of one with workers. The values of a
 * route's header fields are not told, and an instance that is not there is one sentence.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';

const API = 'spiffe://mesh.local/ns/default/sa/api';

const MESH = `authorization:
  namespace: default
  rules:
    - name: front
      action: allow
      to: [api]
      from: [web]
routes:
  namespace: default
  http:
    - name: orders
      parentRefs: [{ name: api, port: 81 }]
      rules:
        - matches:
            - headers: [{ name: x-key, value: SECRET-IN-A-HEADER }]
          backendRefs: [{ name: api, port: 8080 }]
`;

test('a sidecar tells what it believes', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  await mesh.sidecar({
    service: 'api',
    expose: [`8080=127.0.0.1:${app.port}`],
    args: ['--workers=2'],
  });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, MESH);
  t.like(await mesh.admin(['apply', '-f', file]), { code: 0 });
  const [port = 0] = web.upstreamPorts;
  await connectTcp(t, port);
  const ask = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(['proxy-config', ...args]);
    t.is(code, 0, stderr);
    return stdout;
  };
  const json = async (...args: string[]) => JSON.parse(await ask(...args, '--json'));

  const told = await eventually('the policy is there', async () => {
    const state = await json('web');
    return state.policy?.configVersion === 1 ? state : undefined;
  });
  t.is(told.certificate.spiffeId, 'spiffe://mesh.local/ns/default/sa/web');
  const api8080 = told.endpoints.find((one: { spiffeId: string }) => one.spiffeId === API);
  t.like(api8080, { exposedPorts: [8080], exposesAnyPort: false });
  t.true(told.tunnels.some((one: { peer: string }) => one.peer === API));
  t.true(
    told.listeners.some(
      (one: object) => JSON.stringify(one).includes('api.default:8080') && 'port' in one,
    ),
  );
  t.like(told.policy.rules[0], { name: 'front', action: 'allow' });
  t.is(told.routes[0].name, 'orders');
  t.true(told.limits.some(({ name }: { name: string }) => name === 'descriptors'));
  t.deepEqual(told.omitted, []);

  const text = await ask('web.default');
  for (const part of ['certificate', 'listeners', 'endpoints', 'tunnels', 'policy', 'limits']) {
    t.regex(text, new RegExp(`^${part}$`, 'm'));
  }
  t.false(text.includes('SECRET') || JSON.stringify(told).includes('SECRET'));
  const part = await ask(told.instance, '--section=tunnels');
  t.regex(part, /^to +api\.default +127\.0\.0\.1 +1 +in /m);
  t.false(part.includes('endpoints'));

  const api = await eventually('both workers tell', async () => {
    const state = await json('api');
    return state.workers === 2 && state.tunnels.length > 0 ? state : undefined;
  });
  t.like(api.tunnels[0], { direction: 'inbound', peer: told.spiffeId });
  t.is(api.listeners.filter(({ kind }: { kind: string }) => kind === 'hbone').length, 1);

  const nobody = await mesh.admin(['proxy-config', 'nobody']);
  t.is(nobody.code, 2);
  t.regex(nobody.stderr, /expected the instance id of a sidecar, got "nobody"/);
  t.is(nobody.stderr.trim().split('\n').length, 1);
});
