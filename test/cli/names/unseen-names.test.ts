// An operator mistypes a name: what would look as if it had helped is refused with the names that exist,
// or, where the name may be of a service to come, is said.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const POLICY = `authorization:
  rules:
    - { name: typed, action: deny, from: [wbe.shop, 'w*.shop'], to: [api.shop] }
    - { name: partner, action: deny, from: ['spiffe://partner.example/ns/x/sa/y'], to: ['*'] }
lifetimes:
  services: { wbe.shop: 60s, nothing-like-it.shop: 60s }
`;

test('an upstream that nobody serves is in status until somebody does', async (t) => {
  const mesh = await startMesh(t);
  const upstreams = ['api:8080', 'apu:8080'];
  const web = await mesh.sidecar({ service: 'web', upstreams });
  await web.process.logged('upstream-missing', ({ service }) => service === 'apu');
  const missing = async (): Promise<unknown> => {
    const { stdout } = await mesh.admin(['status', '--json']);
    return JSON.parse(stdout).sidecars.find(({ service }: { service: string }) => service === 'web')
      ?.missingUpstreams;
  };
  await eventually(
    'both are missing',
    async () =>
      isDeepStrictEqual(await missing(), ['api.default:8080', 'apu.default:8080']) || undefined,
  );
  t.regex(
    (await mesh.admin(['status'])).stdout,
    /\nweb +default +apu\.default:8080 +no sidecar exposes it\n/,
  );
  await mesh.sidecar({ service: 'api', expose: ['8080'] });
  await eventually(
    'one is found',
    async () => isDeepStrictEqual(await missing(), ['apu.default:8080']) || undefined,
  );
});

test('names that the mesh has never seen', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'web', namespace: 'shop' });
  const ofApi = ['--namespace', 'shop', '--service', 'api'];
  t.is((await mesh.admin(['token', 'create', ...ofApi])).code, 0);
  const refused = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await mesh.admin([...args]);
    t.not(code, 0, args.join(' '));
    t.is(stdout, '');
    return stderr;
  };
  const done = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await mesh.admin([...args]);
    t.is(code, 0, stderr);
    return { stdout, stderr };
  };

  t.regex(
    await refused(['revoke', 'shop/wbe']),
    /the mesh has never seen spiffe:\/\/mesh\.local\/ns\/shop\/sa\/wbe.*did you mean shop\/web\?.*--force/s,
  );
  t.regex(await refused(['revoke', 'other/thing']), /never seen .*`hauberk status`.*--force/s);
  t.is((await done(['revocations', '--json'])).stdout.includes('wbe'), false);

  t.regex(
    await refused(['authz', 'who-can-reach', 'apu.shop:80']),
    /never seen a workload that apu\.shop names.*did you mean api\.shop\?/s,
  );
  await done(['authz', 'who-can-reach', 'api.shop:80']);
  await done(['authz', 'who-can-reach', 'apu.shop:80', '--force']);

  const explained = ['authz', 'explain', '--from', 'wbe.shop', '--to', 'api.shop:80'];
  t.is(
    (await done(explained)).stderr,
    'hauberk authz explain: the mesh has never seen a workload that wbe.shop names; did you mean web.shop?\n',
  );

  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, POLICY);
  t.is(
    (await done(['apply', '-f', file, '--dry-run'])).stderr,
    'hauberk apply: the rule typed: the mesh has never seen a workload that wbe.shop names; did you mean web.shop?\n' +
      'hauberk apply: lifetimes: the mesh has never seen a workload that wbe.shop names; did you mean web.shop?\n' +
      'hauberk apply: lifetimes: the mesh has never seen a workload that nothing-like-it.shop names\n',
  );
  t.regex((await done(['apply', '-f', file])).stdout, /version 1 .* is in force/);

  // A service that has a token has been seen, and so has one that was forced.
  await done(['revoke', 'shop/api']);
  await done(['revoke', 'shop/wbe', '--force']);
  t.true((await done(['revocations', '--json'])).stdout.includes('wbe'));
});
