import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { readerOf, sharedRead } from '../../../proxy/stream/socket-reader.ts';
import { within } from '../../helpers/deadline.ts';

test('bytes that come before anybody is there wait for him, and keep their order', async (t) => {
  const text = 'first words, '.repeat(40_000);
  const server = createServer((socket) => {
    socket.end(text);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const shared = sharedRead();
  const socket = connect({ port, host: '127.0.0.1', onread: shared.onread });
  const reader = shared.of(socket);
  t.teardown(() => socket.destroy());
  t.true(reader.isShared);
  await within('the connection', once(socket, 'connect'));
  // Reading has begun, and is stopped when the first bytes find nobody.
  await within(
    'the first bytes',
    until(() => socket.bytesRead > 0),
  );
  const chunks: Buffer[] = [];
  reader.readInto((chunk) => void chunks.push(Buffer.from(chunk)));
  t.is(chunks.length, 0, 'bytes came before readInto had returned');
  await within('the end', once(socket, 'end'));
  t.is(Buffer.concat(chunks).toString(), text);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Both ends of a connection; the one that was accepted is paused. */
async function accepted(t: ExecutionContext): Promise<{ client: Socket; socket: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1' });
  t.teardown(() => client.destroy());
  const [socket] = (await within('the connection', once(server, 'connection'))) as [Socket];
  t.teardown(() => socket.destroy());
  return { client, socket };
}

test('a socket that was accepted is read into the shared buffer, after what Node.js has read of it', async (t) => {
  const { client, socket } = await accepted(t);
  client.write('first, ');
  await within('the first bytes', once(socket.resume(), 'data'));
  socket.pause();
  // As who looked at the beginning gives it back.
  socket.unshift(Buffer.from('first, '));
  const reader = readerOf(socket);
  const chunks: string[] = [];
  const shared: boolean[] = [];
  const came = Promise.withResolvers<void>();
  reader.readInto((chunk) => {
    chunks.push(chunk.toString());
    shared.push(reader.isShared);
    if (chunks.length === 1) client.end('second');
    else came.resolve();
  });
  t.false(reader.isShared, 'what waits in the socket is not in the shared buffer');
  socket.resume();
  await within('the second bytes', came.promise);
  t.deepEqual(
    [chunks, shared],
    [
      ['first, ', 'second'],
      [false, true],
    ],
  );
  await within('the end', once(socket, 'end'));
});

test('a socket that was accepted and never read is read into the shared buffer from the first byte', async (t) => {
  const { client, socket } = await accepted(t);
  socket.on('data', () => t.fail('a buffer was made for a read'));
  socket.pause();
  const reader = readerOf(socket);
  const chunks: string[] = [];
  reader.readInto((chunk) => void chunks.push(chunk.toString()));
  t.true(reader.isShared);
  socket.resume();
  client.end('all');
  await within('the end', once(socket, 'end'));
  t.is(chunks.join(''), 'all');
});
