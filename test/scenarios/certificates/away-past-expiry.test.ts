/**
 * A sidecar was off past the end of its certificate. Within the time it comes back by itself, as the
 * same instance; where expired certificates are not renewed it needs a token, says so, and takes one.
 */
import test from 'ava';
import { sleep, systemClock } from '../../../common/clock.ts';
import { startMesh, type Mesh, type Sidecar } from '../../helpers/mesh/mesh.ts';

const LIFETIME_SECONDS = 10;

/** Ends a sidecar and waits for the end of its certificate: nothing can make that come sooner. */
async function outlive(sidecar: Sidecar): Promise<void> {
  const { notAfterMs } = await sidecar.process.logged('enrolled');
  await sidecar.process.end('SIGKILL');
  await sleep(systemClock, Number(notAfterMs) - Date.now() + 1000);
}

async function instances(mesh: Mesh): Promise<unknown[]> {
  const { stdout } = await mesh.admin(['status', '--json']);
  const { sidecars } = JSON.parse(stdout) as { sidecars: { instance: string }[] };
  return sidecars.map(({ instance }) => instance);
}

test('a host that was off comes back with its expired certificate', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: LIFETIME_SECONDS });
  const web = await mesh.sidecar({ service: 'web' });
  const before = await instances(mesh);
  await outlive(web);
  const back = await mesh.revive(web);
  await back.process.logged('recovered');
  t.deepEqual(await instances(mesh), before);
  t.is(await back.process.end(), 0);
});

test('where expired certificates are not renewed it needs a token, and says so', async (t) => {
  const mesh = await startMesh(t, {
    leafLifetimeSeconds: LIFETIME_SECONDS,
    controlPlaneArgs: ['--renew-after-expiry=0'],
  });
  const web = await mesh.sidecar({ service: 'web' });
  await outlive(web);
  const { options, stateDirectory } = web;
  const alone = await mesh.launch({ ...options, stateDirectory, token: '' });
  t.is((await alone.logged('recovery-refused'))['reason'], 'certificate-expired');
  t.is(await alone.exited, 2);
  t.regex(alone.output(), /expected a join token.*expired ones are not renewed here/);

  const back = await mesh.sidecar({ ...options, stateDirectory });
  await back.process.logged('enrolled');
});
