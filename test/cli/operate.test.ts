// What an operator does, against a real control plane and a real sidecar: make a token, let a sidecar
// join with it, look at who is there and what was issued, take the token back.
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { toPem } from '../../common/pki/pem.ts';
import { runHauberk } from '../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { createTestAuthority } from '../helpers/mesh/test-authority.ts';

test.serial('token, status and certs tell what is so', async (t) => {
  const mesh = await startMesh(t);
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin([...args, '--json']);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return JSON.parse(stdout);
  };

  const created = await mesh.admin(['token', 'create', '--namespace', 'shop', '--service', 'web']);
  t.is(created.code, 0);
  t.regex(created.stdout, /^hbk-1-[a-z0-9]+-[a-z0-9]+-[a-z0-9]+\n$/, 'the token and nothing else');
  t.regex(created.stderr, /^token \S+ for web in shop expires in 5\dm \d+s\n$/);
  const token = created.stdout.trim();

  await mesh.sidecar({ service: 'web', namespace: 'shop', token, expose: ['8080'] });

  const { tokens } = await json('token', 'list');
  const [used] = tokens;
  t.like(used, { namespace: 'shop', service: 'web', state: 'used-up', uses: 1, usesAllowed: 1 });
  t.is(Date.parse(used.expiresAt) - Date.parse(used.createdAt), 3_600_000);
  const listed = await mesh.admin(['token', 'list']);
  t.regex(
    listed.stdout,
    /^ID +NAMESPACE +SERVICE +STATE +USES +CREATED +EXPIRES\n\S+ +shop +web +used-up +1 of 1 /,
  );
  t.false(listed.stdout.includes(token));

  const { sidecars, controlPlanes } = await json('status');
  t.is(controlPlanes.length, 1);
  t.like(controlPlanes[0], { leads: true, sidecars: 1 });
  t.regex(controlPlanes[0].addresses[0], /:\d+$/);
  t.is(sidecars.length, 1);
  const [web] = sidecars;
  t.like(web, { namespace: 'shop', service: 'web', connected: true, exposedPorts: [8080] });
  t.true(web.certificate.secondsLeft > 3_000 && web.certificate.secondsLeft <= 3_600);
  const status = await mesh.admin(['status']);
  t.regex(
    status.stdout,
    /^SERVICE +NAMESPACE .*\nweb +shop +\S+ +127\.0\.0\.1:\d+ +\d[\dms ]* .* 5\dm \d+s +0 +0 +0 +\d+ +\d+ +\S+\n$/,
  );

  const { certificates } = await json('certs', '--service', 'web');
  t.is(certificates.length, 1);
  t.like(certificates[0], { serial: web.certificate.serial, proof: 'token', tokenId: used.id });
  t.deepEqual((await json('certs', '--namespace', 'shop', '--service', 'api')).certificates, []);
  t.deepEqual((await json('certs', '--namespace', 'elsewhere')).certificates, []);

  const revoked = await json('token', 'revoke', used.id);
  t.is(revoked.state, 'revoked');
  const unknown = await mesh.admin(['token', 'revoke', 'nosuchid']);
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /^hauberk token revoke: .*nosuchid.*\n$/);
});

test.serial('without the right credential nothing is told, and why is', async (t) => {
  const mesh = await startMesh(t);
  const admin = path.join(mesh.controlPlane.dataDirectory, 'admin.pem');
  const copy = path.join(mesh.directory, 'copy.pem');
  await copyFile(admin, copy);

  const status = (file: string) =>
    runHauberk([
      'status',
      `--control-plane=127.0.0.1:${mesh.controlPlane.grpcPort}`,
      '--admin',
      file,
    ]);

  await chmod(copy, 0o644);
  const open = await status(copy);
  t.is(open.code, 2);
  t.regex(
    open.stderr,
    /^hauberk status: other users may read .*copy\.pem; run chmod 600 .*copy\.pem\n$/,
  );

  await chmod(copy, 0o600);
  t.is((await status(copy)).code, 0);

  await writeFile(copy, 'not a credential');
  const other = await status(copy);
  t.is(other.code, 2);
  t.regex(other.stderr, /is not an admin credential/);

  const missing = await status('/nowhere/admin.pem');
  t.is(missing.code, 2);
  t.regex(missing.stderr, /there is no admin credential at \/nowhere\/admin\.pem; /);

  const stranger = createTestAuthority().workload('hauberk', 'admin');
  const key = stranger.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const root = await readFile(path.join(mesh.controlPlane.dataDirectory, 'root.pem'), 'utf8');
  await writeFile(copy, key + toPem(stranger.chain) + root);
  const refused = await status(copy);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /^hauberk status: [^\n]*certificate[^\n]*\n$/);

  await mesh.controlPlane.kill();
  const away = await mesh.admin(['status']);
  t.is(away.code, 3);
  t.regex(away.stderr, /^hauberk status: the control plane at 127\.0\.0\.1:\d+ [^\n]+\n$/);
});
