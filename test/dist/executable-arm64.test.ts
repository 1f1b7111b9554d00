// The single executable for arm64, made here and run by QEMU: a mesh of it carries a connection. What QEMU takes ten times as
// long for is left to machines of that kind: workers and the demo, which start processes of the file itself.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { makeExecutable } from '../../tools/dist/executable.ts';
import { prepareRelease } from '../../tools/dist/release.ts';
import { lengthenDeadlines } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { ARM64_ROOT } from '../helpers/machine/system-programs.ts';
import { echo, startTcpApp } from '../helpers/servers/tcp-app.ts';
import { connectTcp } from '../helpers/clients/tcp-client.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');

const TIMEOUT_MS = 300_000;
// On a busy machine QEMU can need longer than the 45 s to start Hauberk. They still end before the test does.
lengthenDeadlines(5);

const made = await temporaryDirectory();
const release = await prepareRelease(ROOT, made.path);
const program = join(made.path, `hauberk-${release.manifest.version}-linux-arm64`);
const launcher = join(made.path, 'hauberk');
await writeFile(launcher, `#!/bin/sh\nexec qemu-aarch64 -L ${ARM64_ROOT} ${program} "$@"\n`, {
  mode: 0o755,
});
// Before the helpers that start Hauberk are loaded: theirs is this one.
process.env['HAUBERK_TEST_PROGRAM'] = launcher;
const { runHauberk } = await import('../helpers/mesh/hauberk-process.ts');
const { startMesh } = await import('../helpers/mesh/mesh.ts');
test.after.always(() => made[Symbol.asyncDispose]());

requires('aarch64-linux-gnu-strip').serial(
  'it is made for arm64, with the bundle in it',
  async (t) => {
    t.timeout(TIMEOUT_MS);
    await makeExecutable(release, 'linux-arm64');
    const file = await readFile(program);
    // The header of ELF: 64 bits, little-endian, and the machine (AArch64).
    t.is(file.subarray(0, 6).toString('latin1'), '\x7fELF\x02\x01');
    t.is(file.readUInt16LE(18), 0xb7);
    t.true(file.includes(release.bundle.parts.sidecar.slice(-200)));
  },
);

const testRun = requires(
  'aarch64-linux-gnu-strip',
  'qemu-aarch64',
  'libc for arm64',
  'libatomic for arm64',
  'libstdc++ for arm64',
);

testRun.serial('it runs, and says nothing but what it is asked', async (t) => {
  t.timeout(TIMEOUT_MS);
  const { code, stdout, stderr } = await runHauberk(['version']);
  const version = `hauberk ${release.manifest.version} (Node.js ${process.versions.node})\n`;
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: version, stderr: '' });
});

testRun.serial('a control plane and two sidecars of it carry a connection', async (t) => {
  t.timeout(TIMEOUT_MS);
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
  const client = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  client.write('hello');
  const { value } = (await client[Symbol.asyncIterator]().next()) as { readonly value: Buffer };
  t.is(value.toString(), 'hello');
});
