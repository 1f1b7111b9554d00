// The single executable: equal each time it is made, quiet, and able to start every process that it needs of
// itself.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { makeExecutable } from '../../tools/dist/executable.ts';
import { prepareRelease } from '../../tools/dist/release.ts';
import { HOST, parseTarget } from '../../tools/dist/target.ts';
import { runInstalledDemo } from '../helpers/dist/demo-run.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { echo, startTcpApp } from '../helpers/servers/tcp-app.ts';
import { connectTcp } from '../helpers/clients/tcp-client.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { workerPids } from '../helpers/mesh/workers.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const made = await temporaryDirectory();
const release = await prepareRelease(ROOT, made.path);
const program = join(made.path, `hauberk-${release.manifest.version}-${HOST}`);
// Before the helpers that start Hauberk are loaded: theirs is this one.
process.env['HAUBERK_TEST_PROGRAM'] = program;
const { startMesh } = await import('../helpers/mesh/mesh.ts');
test.after.always(() => made[Symbol.asyncDispose]());

const digest = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

const testExecutable = requires('strip');

testExecutable.serial('it is one file, the same when it is made again', async (t) => {
  await using cache = await temporaryDirectory();
  const { NODE_COMPILE_CACHE: before = '' } = process.env;
  t.teardown(() => void (process.env['NODE_COMPILE_CACHE'] = before));
  // Empty the first time, and full the second.
  process.env['NODE_COMPILE_CACHE'] = cache.path;
  await makeExecutable(release, parseTarget(HOST));
  const first = await digest(program);
  await makeExecutable(await prepareRelease(ROOT, made.path), parseTarget(HOST));
  t.is(await digest(program), first);
});

testExecutable.serial('its compiled code is accepted', async (t) => {
  // Node.js would warn on standard error where V8 had rejected the code, as for other flags.
  const said = await run(program, ['version'], { env: {}, cwd: '/' });
  t.is(said.stdout, `hauberk ${release.manifest.version} (Node.js ${process.versions.node})\n`);
  t.is(said.stderr, '');
  const helped = await run(program, ['proxy', '--help'], { env: {}, cwd: '/' });
  t.regex(helped.stdout, /^Usage: hauberk proxy/);
  t.is(helped.stderr, '', 'nor that of the part of a sidecar');
});

testExecutable.serial('flags that Node.js has as well are its own', async (t) => {
  const missing = join(made.path, 'nope.env');
  const refused = await t.throwsAsync<Error & { code: number; stderr: string }>(
    run(program, ['inject', '--env-file', missing], { env: {}, cwd: '/' }),
  );
  t.is(refused?.code, 2);
  t.is(refused?.stderr, `hauberk inject: there is no file ${missing}\n`);
});

testExecutable.serial('it runs the demo, all of whose processes are this file', async (t) => {
  const report = await runInstalledDemo(program, '/usr/bin:/bin');
  t.true(report.requests > 0);
  t.true(report.rotations > 0);
  t.is(report.failures, 0);
  t.is(report.plaintextOnWire, 0);
});

testExecutable.serial('a sidecar of it carries connections in workers', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const args = ['--workers=2'];
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'], args });
  for (const pid of await workerPids(web.process, 2)) {
    t.is(
      await readFile(`/proc/${pid}/cmdline`, 'latin1'),
      `${program}\0--load=proxy/workers/main.ts\0`,
    );
  }
  const client = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  client.write('hello');
  const { value } = (await client[Symbol.asyncIterator]().next()) as { readonly value: Buffer };
  t.is(value.toString(), 'hello');
});
