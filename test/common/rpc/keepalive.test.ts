import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import test from 'ava';
import { createChannel } from '../../../common/rpc/channel.ts';
import { DiscoveryClient } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { helloMessage } from '../../../proxy/discovery/sync/messages.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/test-authority.ts';
import { startTestControlPlane } from '../../helpers/test-control-plane.ts';

interface Cable extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing comes through, and nobody is told. */
  cut(): void;
}

async function cableTo(target: number): Promise<Cable> {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: target });
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
    sockets.push(near, far);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP port');
  return {
    port: address.port,
    cut: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a control plane that is gone without a word is noticed by its silence', async (t) => {
  const authority = createTestAuthority();
  await using controlPlane = await startTestControlPlane({ authority });
  await using cable = await cableTo(controlPlane.port);
  const channel = createChannel({
    address: { host: '127.0.0.1', port: cable.port },
    trustDomain: 'mesh.local',
    roots: [authority.root.certificate],
    identity: authority.workload('shop', 'web'),
    keepaliveMs: 50,
    keepaliveTimeoutMs: 200,
  });
  const call = channel.client(DiscoveryClient).sync();
  const failed = once(call, 'error');
  call.resume();
  const hello = { instanceId: 'a', softwareVersion: '1', allow: [] };
  call.write(helloMessage(hello, { addresses: [], hbonePort: 0, ports: [], anyPort: false }, 0));
  const stream = await controlPlane.nextStream();
  // Many PINGs fit in here: while they are answered nothing ends.
  const quiet = Promise.withResolvers<void>();
  setTimeout(quiet.resolve, 500);
  const first = await Promise.race([quiet.promise.then(() => 'alive'), failed, stream.ended]);
  t.is(first, 'alive');

  cable.cut();
  const [error] = (await within('the silence to be noticed', failed)) as [unknown];
  t.is(channel.explain(error).code, 'unreachable');
  channel.close();
});
