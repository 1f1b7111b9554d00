/**
 * A sidecar is up, and from then on no connection to the control plane can be made. Its certificate is renewed all the
 * same, over the connection of its Sync stream.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { cableTo } from '../../helpers/machine/cable.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { sidecarArguments } from '../../helpers/mesh/mesh-sidecar.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test('a certificate is renewed over the connection that is there', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: 12 });
  const cable = await cableTo(mesh.controlPlane.grpcPort);
  t.teardown(() => cable[Symbol.asyncDispose]());
  const tokenFile = path.join(mesh.directory, 'web.token');
  await writeFile(tokenFile, await mesh.token(), { mode: 0o600 });
  const options = { service: 'web', stateDirectory: path.join(mesh.directory, 'web') };
  const args = sidecarArguments(options, `127.0.0.1:${cable.port}`);
  const sidecar = startHauberk([...args, '--token-file', tokenFile]);
  t.teardown(() => sidecar.end('SIGKILL'));
  await sidecar.logged('sync-connected');
  const made = cable.connections;
  cable.refuse();
  const { serial } = await sidecar.logged('renewed');
  t.is(cable.connections, made);
  const status = await mesh.admin(['certs', '--json']);
  t.is(status.code, 0, status.stderr);
  t.true(status.stdout.includes(String(serial)));
});
