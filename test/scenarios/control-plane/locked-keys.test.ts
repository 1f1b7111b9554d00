/**
 * The keys of a mesh are encrypted while it runs, locked, and unlocked again: while they are locked
 * the control plane says so and issues nothing, and traffic goes on.
 */
import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test('the keys of a running mesh are encrypted, locked and unlocked', async (t) => {
  const mesh = await startMesh(t);
  const dataDir = path.join(mesh.directory, 'control-plane');
  const keyFile = path.join(mesh.directory, 'unlock.key');
  const wrongFile = path.join(mesh.directory, 'wrong.key');
  await writeFile(keyFile, randomBytes(32), { mode: 0o600 });
  await writeFile(wrongFile, randomBytes(32), { mode: 0o600 });
  const ca = (...args: string[]) => runHauberk(['ca', ...args, `--data-dir=${dataDir}`]);
  const { process: controlPlane } = mesh.controlPlane;
  await controlPlane.logged('keys-not-encrypted');

  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  const token = await mesh.token();
  const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 5 });

  const early = await ca('lock');
  t.is(early.code, 1);
  t.regex(early.stderr, /not encrypted/);
  const rekeyed = await ca('rekey', `--new-key-file=${keyFile}`);
  t.is(rekeyed.code, 0, rekeyed.stderr);
  t.is((await mesh.admin(['token', 'list'])).code, 0, 'it serves again');

  t.is((await ca('lock')).code, 0);
  const httpPort = await controlPlane.port('http');
  const health = await fetch(`http://127.0.0.1:${httpPort}/healthz`);
  t.is(health.status, 200);
  t.regex(await health.text(), /locked/);
  const ready = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
  t.is(ready.status, 503);
  t.regex(await ready.text(), /locked/);
  const asked = await mesh.admin(['status']);
  t.is(asked.code, 3, 'nobody answers');
  t.regex(asked.stderr, /its keys are locked: .*; unlock them with: hauberk ca unlock/);
  const late = await mesh.launch({ service: 'late', token });
  await late.logged('enrolment-waiting');
  await load.more(20);

  const wrong = await ca('unlock', `--unlock-key-file=${wrongFile}`);
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /does not unlock/);
  const unlocked = await ca('unlock', `--unlock-key-file=${keyFile}`);
  t.is(unlocked.code, 0, unlocked.stderr);
  await late.logged('enrolled');
  await load.more(20);
  t.deepEqual((await load.stop()).failures, []);
  await eventually('the sidecars are back', async () => {
    const { stdout } = await mesh.admin(['status', '--json']);
    const { sidecars } = JSON.parse(stdout) as { sidecars: { connected: boolean }[] };
    return sidecars.filter(({ connected }) => connected).length === 3 || undefined;
  });
});
