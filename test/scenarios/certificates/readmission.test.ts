/**
 * A service is revoked, readmitted, and given a new token. While it is revoked it is not ready and says
 * why; started again with the state directory that it has, it gives the revoked certificate up for the
 * token.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

interface Health {
  readonly status: number;
  readonly body: string;
}

async function readiness(metricsPort: number): Promise<Health> {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/healthz/ready`);
  return { status: response.status, body: await response.text() };
}

const once = ['--namespace', 'default', '--service', 'api', '--uses', '1'];

test('a revoked sidecar is not ready, and comes back with a new token', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, token: await mesh.token(once) });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  t.is(await getOnce(port), 'api');
  t.is((await readiness(api.metricsPort)).status, 200);

  t.is((await mesh.admin(['revoke', 'default/api'])).code, 0);
  const health = await eventually('it is not ready', async () => {
    const now = await readiness(api.metricsPort);
    return now.status === 200 ? undefined : now;
  });
  t.is(health.status, 503);
  t.regex(health.body, /was revoked/);
  await api.process.logged('revoked');
  t.is((await readiness(web.metricsPort)).status, 200);

  t.is((await mesh.admin(['readmit', 'default/api'])).code, 0);
  t.is((await readiness(api.metricsPort)).status, 503, 'what it has stays revoked');
  await api.process.end();

  // The same without a token: up, and not ready.
  const alone = await mesh.launch({
    ...api.options,
    stateDirectory: api.stateDirectory,
    token: '',
  });
  await alone.logged('not-ready');
  t.false(alone.log.some(({ event }) => event === 'ready'));
  t.is((await readiness(await alone.port('metrics'))).status, 503);
  await alone.end();

  const token = await mesh.token(once);
  const again = await mesh.sidecar({ ...api.options, stateDirectory: api.stateDirectory, token });
  t.is((await readiness(again.metricsPort)).status, 200);
  t.is(await eventually('it is called', () => getOnce(port).catch(() => undefined)), 'api');
});

test('a revoked sidecar that runs takes a new token from its file', async (t) => {
  const mesh = await startMesh(t);
  const tokenFile = path.join(mesh.directory, 'api.token');
  await writeFile(tokenFile, await mesh.token(once), { mode: 0o600 });
  const args = [`--token-file=${tokenFile}`];
  const api = await mesh.sidecar({ service: 'api', token: '', args });
  t.is((await mesh.admin(['revoke', 'default/api'])).code, 0);
  await api.process.logged('revoked');
  await api.process.logged('token-refused');
  t.is((await mesh.admin(['readmit', 'default/api'])).code, 0);
  await writeFile(tokenFile, await mesh.token(once), { mode: 0o600 });
  await api.process.logged('renewed');
  // It hears of its readmission with the next stream.
  await eventually('it is ready', async () => {
    const { status } = await readiness(api.metricsPort);
    return status === 200 ? true : undefined;
  });
});
