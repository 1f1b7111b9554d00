/** A connection that is broken off is closed, whatever it was about to do. */
import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { resetSocket } from '../../../proxy/stream/reset-socket.ts';
import { within } from '../../helpers/deadline.ts';
import { connectTcp, endOf } from '../../helpers/clients/tcp-client.ts';
import type { Scope } from '../../helpers/scope.ts';

async function openPair(scope: Scope): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true });
  scope.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const far = await connectTcp(scope, (server.address() as net.AddressInfo).port);
  const [near] = (await accepted) as [net.Socket];
  near.on('error', () => {});
  return { near, far };
}

test('an open connection is reset', async (t) => {
  const { near, far } = await openPair(t);
  const closed = once(near, 'close');
  const ended = endOf(far);
  resetSocket(near);
  await within('it is closed', closed);
  t.is(await ended, 'reset');
});

for (const turns of [0, 1, 2, 3, 4, 5]) {
  test(`a connection that ends since ${turns} turns is closed`, async (t) => {
    const { near, far } = await openPair(t);
    far.resume();
    const closed = once(near, 'close');
    near.end('last');
    for (let turn = 0; turn < turns; turn += 1) {
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    resetSocket(near);
    await within('it is closed', closed);
    t.true(near.destroyed);
  });
}
