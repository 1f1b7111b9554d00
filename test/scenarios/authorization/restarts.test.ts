/**
 * Who may come in survives the death of the control plane, of the sidecar, and of both: at no moment
 * is a door open that the last policy closed. Then a rollback opens it again.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const ONLY_WEB = `authorization:
  allow: none
  rules:
    - {name: front, action: allow, from: [web.default], to: [api.default], ports: [8080]}
`;

test('a policy survives restarts of either side, and can be rolled back', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  let api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const job = await mesh.sidecar({ service: 'job', upstreams: ['api:8080'] });
  const [webPort = 0] = web.upstreamPorts;
  const [jobPort = 0] = job.upstreamPorts;
  t.is(await getOnce(jobPort), 'api', 'a mesh without rules is open to its members');

  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, ONLY_WEB);
  t.is((await mesh.admin(['apply', '-f', file])).code, 0);
  const holds = async (when: string) => {
    // A peer that was away may need a moment; a refusal is one at once.
    await eventually(`web is let in ${when}`, () =>
      getOnce(webPort).then(
        () => true,
        () => undefined,
      ),
    );
    await t.throwsAsync(getOnce(jobPort), undefined, `job is refused ${when}`);
    const refused = (await api.metrics()).sum('hauberk_connections_failed_total', {
      reason: 'denied-caller',
    });
    t.true(refused > 0, when);
  };
  await holds('at first');

  await mesh.controlPlane.restart('SIGKILL');
  await holds('after the control plane was killed');

  await api.process.end('SIGKILL');
  api = await mesh.revive(api);
  await holds('after the sidecar was killed');

  await mesh.controlPlane.kill();
  await api.process.end('SIGKILL');
  api = await mesh.revive(api);
  await holds('after the sidecar was killed without a control plane');
  t.is((await api.metrics()).sum('hauberk_policy_version'), 1);

  await mesh.controlPlane.start();
  await api.process.logged('sync-connected');
  await holds('after both are back');

  await eventually('every sidecar is back', async () => {
    const { stdout } = await mesh.admin(['status', '--json']);
    const { sidecars } = JSON.parse(stdout) as { sidecars: { connected: boolean }[] };
    return sidecars.filter(({ connected }) => connected).length === 3 ? true : undefined;
  });
  const rolledBack = await mesh.admin(['rollback']);
  t.is(rolledBack.code, 0, rolledBack.stderr);
  t.is(await getOnce(jobPort), 'api', 'as before the first version');
});
