/**
 * The host of the control plane is lost. Its backup, made while it ran, is restored into an empty
 * directory, and a control plane in the old one's place goes on: every sidecar renews, those from after
 * the backup too, and traffic has not noticed.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Mesh } from '../../helpers/mesh/mesh.ts';

test('a mesh goes on with a control plane from a backup', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: 60 });
  const dataDir = path.join(mesh.directory, 'control-plane');
  const file = path.join(mesh.directory, 'backup');
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const { head } = await verified(mesh);
  const made = await runHauberk(['backup', file, `--data-dir=${dataDir}`]);
  t.is(made.code, 0, made.stderr);
  t.is((await stat(file)).mode & 0o777, 0o600);
  const again = await runHauberk(['backup', file, `--data-dir=${dataDir}`]);
  t.is(again.code, 2, 'it overwrites nothing');
  const late = await mesh.sidecar({ service: 'late' });
  const unused = await mesh.token(['--namespace', 'default', '--uses', '1']);

  const [port = 0] = web.upstreamPorts;
  const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 10 });
  await mesh.controlPlane.kill();
  const taken = await runHauberk(['restore', file, `--data-dir=${dataDir}`]);
  t.is(taken.code, 2);
  t.regex(taken.stderr, /there is a store already/);
  await rm(dataDir, { recursive: true });
  const restored = await runHauberk(['restore', file, `--data-dir=${dataDir}`]);
  t.is(restored.code, 0, restored.stderr);
  t.regex(restored.stderr, /the backup has nothing after \S+;/);
  t.regex(restored.stderr, /1 join tokens that were valid at the backup are revoked/);
  t.deepEqual(await readdir(dataDir), ['hauberk.db'], 'and nothing half made');
  await mesh.controlPlane.start();

  await mesh.controlPlane.process.logged('restored-from-backup');
  for (const { process } of [api, web, late]) {
    await process.logged('renewed', undefined, { deadlineMs: 90_000 });
  }
  // The one that the log does not have is named.
  const unlogged = await mesh.controlPlane.process.logged('renewal-not-in-log');
  t.is(unlogged['spiffeId'], 'spiffe://mesh.local/ns/default/sa/late');
  const { tokens } = JSON.parse((await mesh.admin(['token', 'list', '--json'])).stdout) as {
    tokens: { state: string }[];
  };
  t.deepEqual(
    tokens.map(({ state }) => state),
    ['revoked'],
  );
  const refused = await mesh.launch({ service: 'api', token: unused });
  t.is((await refused.logged('enrolment-refused'))['reason'], 'token-unknown');
  t.deepEqual((await verified(mesh, head)).findings, [], 'the log is the same one');
  const { stdout } = await mesh.admin(['status', '--json']);
  const { sidecars } = JSON.parse(stdout) as {
    sidecars: { service: string; connected: boolean }[];
  };
  t.deepEqual(
    sidecars
      .filter(({ connected }) => connected)
      .map(({ service }) => service)
      .sort(),
    ['api', 'late', 'web'],
  );
  await load.more(20);
  t.deepEqual((await load.stop()).failures, []);
});

/** What is found about the issuance log. */
async function verified(
  mesh: Mesh,
  head?: string,
): Promise<{ readonly head: string; readonly findings: readonly string[] }> {
  const args = head === undefined ? [] : [`--head=${head}`];
  const { stdout } = await mesh.admin(['certs', 'verify', '--json', ...args]);
  return JSON.parse(stdout) as { head: string; findings: string[] };
}
