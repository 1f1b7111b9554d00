import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { sharedRead } from '../../../proxy/stream/socket-reader.ts';
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
  const { onread, of } = sharedRead();
  const socket = connect({ port, host: '127.0.0.1', onread });
  const reader = of(socket);
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
