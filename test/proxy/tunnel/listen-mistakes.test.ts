import { once } from 'node:events';
import test from 'ava';
import { systemClock, type MonotonicMs } from '../../../common/clock.ts';
import { within } from '../../helpers/deadline.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, targetOf } from './harness.ts';

test('a connection whose handshake a mistake keeps from beginning is closed, and the next one is served', async (t) => {
  const authority = createTestAuthority();
  let isBroken = false;
  const clock = {
    ...systemClock,
    monotonicMs(): MonotonicMs {
      if (!isBroken) return systemClock.monotonicMs();
      isBroken = false;
      throw new Error('a mistake of the program');
    },
  };
  const api = createEngine(t, createIdentity(authority, 'api'), { clock });
  const listener = await api.listen((stream) => void stream.accept());
  const socket = await connectTcp(t, listener.port);
  const closed = once(socket.resume(), 'close');
  isBroken = true;
  // The first byte of a ClientHello.
  socket.end(Buffer.of(22));
  await within('the connection is closed', closed);
  t.is(api.guard.counts().get('tunnel'), 1);
  const web = createEngine(t, createIdentity(authority, 'web'));
  const tunnel = await web.dial(targetOf(listener, api.identity));
  t.is(listener.openTunnels, 1);
  tunnel.destroy('forced');
});
