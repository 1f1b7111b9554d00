/**
 * A bug report of a mesh that is full of secrets: none of them is in the archive, and everything that is needed to look
 * into a problem is. What cannot be had is named and costs nothing else.
 */
import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const run = promisify(execFile);

const MESH = `# SECRET-COMMENT
routes:
  namespace: default
  http:
    - name: orders
      parentRefs: [{ name: api, port: 8080 }]
      rules:
        - matches:
            - headers: [{ name: x-key, value: SECRET-HEADER }]
              queryParams: [{ name: key, value: SECRET-QUERY }]
          filters:
            - type: RequestHeaderModifier
              requestHeaderModifier:
                set: [{ name: authorization, value: Bearer SECRET-BEARER }]
          backendRefs: [{ name: api, port: 8080 }]
`;

/** The lines of the private keys in a PEM file. */
const keyLines = (pem: string): string[] =>
  [...pem.matchAll(/PRIVATE KEY-----\n([^-]+)-----END/g)].flatMap(([, body = '']) =>
    body.trim().split('\n'),
  );

test('a bug report has what is needed, and no secret', async (t) => {
  const mesh = await startMesh(t, {
    controlPlaneEnv: { HAUBERK_UNLOCK_PASSPHRASE: 'SECRET-OF-THE-LOCK' },
  });
  const token = await mesh.token();
  await mesh.sidecar({ service: 'api', expose: ['8080'] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const file = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(file, MESH);
  t.like(await mesh.admin(['apply', '-f', file]), { code: 0 });
  const admin = path.join(mesh.controlPlane.dataDirectory, 'admin.pem');
  const output = path.join(mesh.directory, 'report.tar.gz');
  const args = [
    'bug-report',
    `--control-plane=127.0.0.1:${mesh.controlPlane.grpcPort}`,
    `--admin=${admin}`,
    `--output=${output}`,
    `--metrics=127.0.0.1:${web.metricsPort}`,
    '--unit=no-such-unit-of-this-host',
  ];
  const env = {
    HAUBERK_TOKEN: 'SECRET-TOKEN',
    HAUBERK_UNLOCK_PASSPHRASE: 'SECRET-OF-THE-LOCK',
    OTHER_PASSWORD: 'SECRET-OTHER',
  };
  const told = await runHauberk(args, { env, deadlineMs: 60_000 });
  t.is(told.code, 0, told.stderr);
  t.is((await stat(output)).mode & 0o777, 0o600);
  await run('tar', ['xzf', output, '-C', mesh.directory]);
  const { stdout: list } = await run('tar', ['tzf', output]);
  const folder = list.split('/')[0] ?? '';
  const read = (name: string): Promise<string> =>
    readFile(path.join(mesh.directory, folder, name), 'utf8');
  const names = list.trim().split('\n');
  const all = (
    await Promise.all(names.map((name) => readFile(path.join(mesh.directory, name), 'utf8')))
  ).join('\n');

  const secrets = [token, ...keyLines(await readFile(admin, 'utf8')), 'SECRET'];
  t.true(secrets.length > 3, 'the key of the operator has lines');
  for (const secret of secrets) t.false(all.includes(secret), 'a secret is in the archive');

  const status = JSON.parse(await read('mesh/status.json'));
  t.is(status.sidecars.length, 2);
  t.is(JSON.parse(await read('mesh/tokens.json')).length > 0, true);
  t.regex(await read('mesh/configuration.yaml'), /name: x-key\n +value: \(hidden\)/);
  const states = names.filter((name) => name.includes('/sidecars/'));
  t.is(states.length, 2);
  t.regex(all, /"spiffeId": "spiffe:\/\/mesh.local\/ns\/default\/sa\/web"/);
  t.regex(await read(`metrics/127.0.0.1_${web.metricsPort}.txt`), /^hauberk_\w+/m);
  t.like(JSON.parse(await read('host/facts.json')), { node: process.version });
  const { missing } = JSON.parse(await read('manifest.json'));
  const expected = missing.filter(({ name }: { name: string }) => !name.startsWith('logs/'));
  t.deepEqual(expected, []);

  const again = await runHauberk(args, { env, deadlineMs: 60_000 });
  t.is(again.code, 2);
  t.regex(
    again.stderr,
    /--output: .*report\.tar\.gz cannot be written: file already exists \(EEXIST\)/,
  );

  await mesh.controlPlane.kill();
  const other = args.map((arg) => arg.replace('report.tar', 'gone.tar'));
  const gone = await runHauberk([...other, '--json'], { env, deadlineMs: 60_000 });
  t.is(gone.code, 0, gone.stderr);
  const reasons = JSON.parse(gone.stdout).missing;
  t.true(reasons.some(({ name }: { name: string }) => name === 'mesh/status.json'));
});

test('without a credential there is what the host has to tell, and what to do about the rest', async (t) => {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const output = path.join(directory.path, 'report.tar.gz');
  const admin = path.join(directory.path, 'none.pem');
  const args = ['bug-report', `--admin=${admin}`, `--output=${output}`];
  const { code, stdout, stderr } = await runHauberk(args, { deadlineMs: 60_000 });
  t.is(code, 0, stderr);
  t.regex(stdout, /report\.tar\.gz: 4 files/);
  t.is(
    stderr,
    `without mesh: there is no admin credential at ${admin}; run this on the host of the control plane, as its user, or give --admin FILE\n`,
  );
  const { stdout: list } = await run('tar', ['tzf', output]);
  for (const name of ['manifest.json', 'host/facts.json', 'host/check.json'])
    t.true(list.includes(name), list);
});
