// `hauberk status` of a real mesh, as an operator types it: sorted, filtered, and watched past the end of the control plane.
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test.serial('sidecars are sorted, filtered and watched', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'web', namespace: 'shop' });
  await mesh.sidecar({ service: 'api', namespace: 'shop', expose: ['8080', '9090'] });
  await mesh.sidecar({ service: 'web', namespace: 'blog' });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(['status', ...args]);
    t.is(code, 0, stderr);
    return { stdout, stderr };
  };
  const listed = async (...args: string[]): Promise<string[]> => {
    const { sidecars } = JSON.parse((await run('--json', ...args)).stdout);
    return sidecars.map((one: Record<string, string>) => `${one['service']}.${one['namespace']}`);
  };

  t.deepEqual(await listed(), ['api.shop', 'web.blog', 'web.shop']);
  t.deepEqual(await listed('--sort=connected'), ['web.blog', 'api.shop', 'web.shop']);
  t.deepEqual(await listed('--namespace=shop'), ['api.shop', 'web.shop']);
  t.deepEqual(await listed('--service=web.blog', '--service=api'), ['api.shop', 'web.blog']);
  t.deepEqual(await listed('--service=spiffe://other.mesh/ns/shop/sa/web'), []);
  t.deepEqual(await listed('--service=spiffe://mesh.local/ns/shop/sa/web'), ['web.shop']);

  const { stdout } = await run('--service=api');
  t.regex(stdout, /^SERVICE .* PORTS .* VIEW +BUNDLE +VERSION\napi +shop .* 8080,9090 +\d.*\n$/);
  const none = await run('--service=apl');
  t.true(none.stderr.endsWith('none of the 3 sidecars fits --service and --namespace\n'));

  const pictures = (await run('--watch', '--interval=1s', '--count=2', '--json')).stdout;
  const documents = pictures.trim().split('\n');
  t.deepEqual(
    documents.map((line) => JSON.parse(line).sidecars.length),
    [3, 3],
  );
});

test.serial('a watch outlasts the control plane, and ends when it is asked to', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'web' });
  const { grpcPort, dataDirectory } = mesh.controlPlane;
  const watching = startHauberk([
    'status',
    '--watch',
    '--interval=1s',
    `--control-plane=127.0.0.1:${grpcPort}`,
    `--admin=${dataDirectory}/admin.pem`,
  ]);
  t.teardown(() => watching.end('SIGKILL'));
  const wrote = (what: string, text: RegExp) =>
    eventually(what, () => text.test(watching.output()) || undefined);
  await wrote('the first picture', /web +default/);
  await mesh.controlPlane.kill();
  await wrote('the sentence that says why', /; trying again\n(.*\n)*web +default/);
  t.is(await watching.end('SIGINT'), 0);
});
