/**
 * Both sidecars of a call are killed while there is no control plane. Each starts again from its
 * state directory alone, with the certificate that it had, finds its peer, and serves. One without a
 * state directory cannot, and says what it needs.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test('sidecars restart without a control plane and without a token', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  t.is(await getOnce(port), 'api');
  // A view is saved a second after it changed: who is killed before that comes back with the one before.
  await eventually('the view of the caller is saved', async () => {
    const view = await readFile(path.join(web.stateDirectory, 'view.json'), 'utf8').catch(() => '');
    return view.includes('/sa/api') ? true : undefined;
  });

  await mesh.controlPlane.kill();
  t.is(await api.process.end('SIGKILL'), 'SIGKILL');
  const apiAgain = await mesh.revive(api);
  t.is(await getOnce(port), 'api', 'the sidecar that went on finds the one that came back');

  t.is(await web.process.end('SIGKILL'), 'SIGKILL');
  const webAgain = await mesh.revive(web);
  const load = startHttpLoad(t, { port });
  await load.more(50);
  t.deepEqual((await load.stop()).failures, []);

  for (const [before, after] of [
    [api, apiAgain],
    [web, webAgain],
  ] as const) {
    const enrolled = await before.process.logged('enrolled');
    const restored = await after.process.logged('identity-restored');
    t.is(restored['serial'], enrolled['serial']);
    t.false(after.process.log.some(({ event }) => event === 'enrolled'));
    t.is((await after.metrics()).sum('hauberk_control_plane_connected'), 0);
    t.is((await after.metrics()).sum('hauberk_connections_failed_total'), 0);
  }

  const stateless = await mesh.launch({
    ...web.options,
    token: '',
    stateDirectory: path.join(mesh.directory, 'empty'),
  });
  t.is(await stateless.exited, 2);
  t.regex(stateless.output(), /expected a join token, .* make one with: hauberk token create/);
  t.is(await webAgain.process.end(), 0);
  t.is(await apiAgain.process.end(), 0);
});
