import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

/**
 * Of the addresses that a sidecar and a command are given for control planes, one is closed, one accepts and then says
 * nothing, and one is the control plane of another mesh. Both find the one that is theirs, and the other mesh
 * is shown no token.
 */
test('sidecars and commands find their control plane among addresses that are not', async (t) => {
  const mesh = await startMesh(t);
  const foreign = startHauberk([
    'control-plane',
    `--data-dir=${path.join(mesh.directory, 'foreign')}`,
    '--grpc-listen=127.0.0.1:0',
    '--http-listen=127.0.0.1:0',
  ]);
  t.teardown(() => foreign.end('SIGKILL'));
  const mute = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  t.teardown(() => mute.close());
  const ports = [await freePort(), address.port, await foreign.port('grpc')];
  const others = `--control-plane=${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;

  const own = `127.0.0.1:${mesh.controlPlane.grpcPort}`;
  for (const service of ['a', 'b', 'c']) {
    const sidecar = await mesh.launch({ service, args: [others] });
    // Where the stream goes depends on an order that is random.
    await within(
      `${service} connects to its own control plane`,
      sidecar.logged('sync-connected', ({ controlPlane }) => controlPlane === own),
    );
    await sidecar.logged('ready');
  }
  for (let times = 0; times < 3; times += 1) {
    const { code, stdout, stderr } = await mesh.admin(['status', others]);
    t.is(code, 0, stderr);
    t.regex(stdout, /\bc\b/);
  }
  t.false(
    foreign.log.some(({ event }) => event === 'issue-refused'),
    'no token was shown to it',
  );
});
