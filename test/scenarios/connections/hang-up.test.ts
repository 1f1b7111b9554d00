/**
 * SIGHUP, which a closed terminal sends and with which operators ask to reload: a program that follows files
 * reads them again, and any other drains as at SIGTERM. None ends without a word.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startHauberk, type HauberkProcess } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** It says that it drains, and ends in order. */
async function drains(hauberk: HauberkProcess): Promise<number | NodeJS.Signals> {
  const { signal } = await hauberk.logged('stopping');
  if (signal !== 'SIGHUP') throw new Error(`expected SIGHUP in its log, got ${String(signal)}`);
  return await within('it ends', hauberk.exited);
}

const controlPlaneArgs = (dataDir: string, ...more: readonly string[]): string[] => [
  'control-plane',
  `--data-dir=${dataDir}`,
  '--grpc-listen=127.0.0.1:0',
  '--http-listen=127.0.0.1:0',
  ...more,
];

test('a sidecar drains: a connection in flight is finished', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
  const client = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  client.write('one');
  t.is(await readText(client, 3), 'one');
  web.process.signal('SIGHUP');
  await web.process.logged('stopping');
  // A terminal sends it more than once, which is no hurry.
  web.process.signal('SIGHUP');
  client.write('two');
  t.is(await readText(client, 3), 'two');
  client.end();
  t.is(await endOf(client), 'end');
  t.is(await drains(web.process), 0);
  t.is((await web.process.logged('drained'))['outcome'], 'idle');
  t.false(web.process.log.some(({ event }) => event === 'hurried'));

  mesh.controlPlane.process.signal('SIGHUP');
  t.is(await drains(mesh.controlPlane.process), 0, 'a control plane that follows no file, too');
});

test('a control plane that follows a file reads it at once', async (t) => {
  await using directory = await temporaryDirectory();
  const file = path.join(directory.path, 'mesh.yaml');
  await writeFile(file, 'authorization: {allow: none}\n');
  const args = controlPlaneArgs(path.join(directory.path, 'data'), `--mesh-config=${file}`);
  const controlPlane = startHauberk(args);
  t.teardown(() => controlPlane.end('SIGKILL'));
  await controlPlane.logged('ready');
  await writeFile(file, 'authorization: {allow: all}\n');
  controlPlane.signal('SIGHUP');
  t.is((await controlPlane.logged('reloading'))['signal'], 'SIGHUP');
  await controlPlane.logged('mesh-config-invalid');
  t.is(await controlPlane.end(), 0);
});

test('a keeper ends in order', async (t) => {
  await using directory = await temporaryDirectory();
  const socket = path.join(directory.path, 'no-engine.sock');
  const keeper = startHauberk(['keeper', '--project=shop', `--engine-socket=${socket}`]);
  t.teardown(() => keeper.end('SIGKILL'));
  await keeper.logged('ready');
  keeper.signal('SIGHUP');
  t.is(await drains(keeper), 0);
});
