// An operator changes the configuration of a mesh, looks at the difference first, goes back, and is
// told every mistake with its place; with a file that the control plane follows there is one source.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { MAX_DOCUMENT_BYTES } from '../../../common/mesh-config/read-mesh-config.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const CLOSED = `authorization:
  allow: none
  rules:
    - name: front
      action: allow
      from: [web.default]
      to: [api.default]
`;

test.serial('a configuration is looked at, applied, rolled back', async (t) => {
  const mesh = await startMesh(t);
  await mesh.sidecar({ service: 'api', expose: ['8080'] });
  // A service that has a token is one that the mesh has seen.
  const ofWeb = ['--namespace', 'default', '--service', 'web'];
  t.is((await mesh.admin(['token', 'create', ...ofWeb])).code, 0);
  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, CLOSED);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(args);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return stdout;
  };

  const dry = await run('apply', '-f', file, '--dry-run');
  t.regex(dry, /^@@ -1,0 \+1,7 @@\n\+authorization:\n\+ {2}allow: none\n/);
  t.regex(dry, /nothing was changed, version 0 stays in force\n$/);

  t.regex(
    await run('apply', '-f', file),
    /\n\+ {2}allow: none\n[^]*\nversion 1 of the mesh configuration is in force, in use by 1 of 1 connected sidecars\n$/,
  );
  t.is(await run('apply', '-f', file), 'version 1 is in force already\n');
  t.regex(await run('apply', '-f', file, '--dry-run'), /^nothing would change, version 1 /);

  await writeFile(file, CLOSED.replace('none', 'mesh'));
  const second = JSON.parse(await run('apply', '-f', file, '--json'));
  t.like(second, { version: 2, changed: true, sidecars: { connected: 1, reached: 1 } });
  t.regex(second.difference, /\n- {2}allow: none\n\+ {2}allow: mesh\n/);

  t.regex(
    await run('rollback'),
    /\n- {2}allow: mesh\n\+ {2}allow: none\n[^]*\nversion 3 of the mesh configuration is in force/,
  );
  t.regex(
    await run('rollback', '--list'),
    /^VERSION +APPLIED +BY\n3 .* rollback to 1\n2 .* apply\n1 .* apply\n0 +- +none\n$/,
  );
  const { versions } = JSON.parse(await run('rollback', '--list', '--json'));
  t.is(versions.length, 4);
  t.like(versions[3], { version: 0, appliedAt: null, origin: 'none' });

  const samples = await mesh.controlPlane.metrics();
  t.is(samples.sum('hauberk_mesh_config_version'), 3);
  await mesh.controlPlane.restart();
  t.regex(await run('rollback', '--to', '0'), /version 4 of the mesh configuration is in force/);

  await writeFile(file, 'authorization: {allow: all, rule: []}\n');
  const wrong = await mesh.admin(['apply', '-f', file]);
  t.is(wrong.code, 2);
  t.is(
    wrong.stderr,
    `hauberk apply: ${file}:1:17: authorization.allow: expected mesh or none\n` +
      `hauberk apply: ${file}:1:29: authorization: the key "rule" is unknown; did you mean rules?\n` +
      `hauberk apply: ${file} has 2 mistakes, and was not applied\n`,
  );
  const missing = await mesh.admin(['apply', '-f', '/nowhere/mesh.yaml']);
  t.is(missing.code, 2);
  const unknown = await mesh.admin(['rollback', '--to', '99']);
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /version 99 of the mesh configuration is not kept/);
});

test.serial(
  'a configuration of the largest size is applied, and one that says more is not',
  async (t) => {
    const mesh = await startMesh(t);
    const file = path.join(mesh.directory, 'mesh.yaml');
    const comment = `# ${'x'.repeat(1_000)}\n`;
    const largest = (CLOSED + comment.repeat(300)).slice(0, MAX_DOCUMENT_BYTES);
    await writeFile(file, largest);
    const applied = await mesh.admin(['apply', '-f', file, '--json']);
    t.is(applied.code, 0, applied.stderr);
    t.like(JSON.parse(applied.stdout), { version: 1, changed: true });
    t.is((await mesh.admin(['rollback'])).code, 0);
    await writeFile(file, `${largest}x`);
    const larger = await mesh.admin(['apply', '-f', file]);
    t.is(larger.code, 2);
    t.regex(larger.stderr, /:1:1: expected at most 256 KiB/);
  },
);

test.serial('a control plane that follows a file takes no other configuration', async (t) => {
  await using temporary = await temporaryDirectory();
  const file = path.join(temporary.path, 'mesh.yaml');
  await writeFile(file, CLOSED);
  const mesh = await startMesh(t, { controlPlaneArgs: [`--mesh-config=${file}`] });
  const applied = await mesh.admin(['apply', '-f', file]);
  t.is(applied.code, 1);
  t.regex(applied.stderr, /takes the mesh configuration from .*mesh\.yaml; change the file/);
  t.is((await mesh.admin(['rollback'])).code, 1);
  const { process } = mesh.controlPlane;
  await writeFile(file, 'authorization: {allow: mesh}\n');
  await process.logged('mesh-config-changed', (line) => line['configVersion'] === 2);
  await writeFile(file, 'nonsense: true\n');
  await process.logged('mesh-config-invalid', (line) => line['configVersion'] === 2);
  t.is((await mesh.controlPlane.metrics()).sum('hauberk_mesh_config_valid'), 0);
});
