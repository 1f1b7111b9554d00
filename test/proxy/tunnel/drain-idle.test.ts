import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { IncomingStream } from '../../../proxy/tunnel/tunnel.ts';
import { within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, targetOf } from './harness.ts';

/** A tunnel whose clock stands still, so that no PING can find out what should have been noticed. */
async function openTunnel(t: ExecutionContext) {
  const clock = createManualClock(Date.now());
  const authority = createTestAuthority();
  const server = createEngine(t, createIdentity(authority, 'api'), { clock });
  const client = createEngine(t, createIdentity(authority, 'web'), { clock });
  const streams: IncomingStream[] = [];
  const listener = await server.listen((stream) => {
    streams.push(stream);
    stream.accept();
  });
  const tunnel = await client.dial(targetOf(listener, server.identity));
  t.teardown(() => tunnel.destroy('forced'));
  return { listener, streams, tunnel };
}

test('a listener that drains lets an idle tunnel go at once', async (t) => {
  const { listener, tunnel } = await openTunnel(t);
  listener.refuse();
  t.is(await within('the tunnel ends', tunnel.closed), 'goaway');
  await within('the listener is idle', listener.idle());
  t.is(listener.openTunnels, 0);
});

test('a listener that drains lets a tunnel go when its last stream has ended', async (t) => {
  const { listener, tunnel } = await openTunnel(t);
  const stream = await tunnel.open('127.0.0.1:8080');
  listener.refuse();
  await within('the peer is asked to open no more', tunnel.retired);
  t.is(listener.openTunnels, 1);
  stream.reset();
  await within('the tunnel ends', tunnel.closed);
  await within('the listener is idle', listener.idle());
});
