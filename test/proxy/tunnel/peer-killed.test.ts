// The process of a peer ends without a word: its system closes the connection with a FIN.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, newCounters, relaySocket, socketPair } from './harness.ts';

test('streams of a tunnel that ends with a FIN are lost with it, not reset by the peer', async (t) => {
  const authority = createTestAuthority();
  const web = createEngine(t, createIdentity(authority, 'web'));
  const api = createEngine(t, createIdentity(authority, 'api'));
  const listener = await api.listen((stream) => stream.accept());
  const wire = await startWire(t, listener.port);
  const { spiffeId } = api.identity.current();
  const tunnel = await web.dial({ address: '127.0.0.1', port: wire.port, expect: spiffeId });

  const stream = await tunnel.open('127.0.0.1:80');
  const { app, side } = await socketPair(t);
  const counters = newCounters();
  const outcome = relaySocket(stream, side, counters);
  app.write('question');
  await once(wire.client(), 'data');
  const broken = once(app, 'error') as Promise<[NodeJS.ErrnoException]>;
  wire.client().end();

  t.is(await within('the relay ends', outcome), 'tunnel-lost');
  t.is((await within('the application is told', broken))[0].code, 'ECONNRESET');
  t.is(await within('the tunnel ends', tunnel.closed), 'peer-closed');
});

/** Forwards one connection, so that the test can end it below TLS. */
async function startWire(t: ExecutionContext, port: number) {
  let client: Socket | undefined;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    client = socket;
    const onward = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.on('error', () => {});
      from.on('data', (chunk: Buffer) => {
        if (!to.writableEnded) to.write(chunk);
      });
    }
    t.teardown(() => {
      socket.destroy();
      onward.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    client(): Socket {
      if (client === undefined) throw new Error('nobody has connected yet');
      return client;
    },
  };
}
