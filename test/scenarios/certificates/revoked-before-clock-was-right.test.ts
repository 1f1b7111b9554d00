/**
 * A sidecar starts without its saved view, on a host whose clock is an hour ahead: by that clock the revocation
 * that it is told has ended. When the clock is set right, the revoked service is still refused, though its
 * certificate is valid again.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { movableClock } from '../../helpers/movable-clock/movable-clock.ts';

const HOUR_MS = 3_600_000;

test('a revocation outlasts a clock that was ahead when the sidecar started', async (t) => {
  const clock = await movableClock(t);
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, env: clock.env });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const other = await mesh.sidecar({ service: 'other', upstreams: ['api:8080'] });
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  t.is((await mesh.admin(['revoke', 'default/web'])).code, 0);

  await api.process.end('SIGKILL');
  await rm(path.join(api.stateDirectory, 'view.json'));
  await writeFile(clock.env['MOVABLE_CLOCK'] ?? '', String(HOUR_MS));
  // Not ready while its clock is wrong.
  const again = await mesh.launch({
    ...api.options,
    token: '',
    stateDirectory: api.stateDirectory,
    hbonePort: api.hbonePort,
  });
  await again.logged('policy-taken');
  await clock.step(again, 0);

  // By now it is known to be right: who may call gets through.
  const answer = await eventually('the other one is let in', () =>
    getOnce(other.upstreamPorts[0] ?? 0).catch(() => undefined),
  );
  t.is(answer, 'api');
  await t.throwsAsync(getOnce(web.upstreamPorts[0] ?? 0));
  await again.logged('handshake-refused', ({ reason }) => reason === 'revoked');
});
