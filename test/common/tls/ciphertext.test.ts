import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { ciphertextOf } from '../../../common/tls/ciphertext.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/test-authority.ts';

test('what comes from the network is counted for a connection that has dialled itself', async (t) => {
  const authority = createTestAuthority();
  const context = secureContextOptions({ ...authority.workload('shop', 'api'), roots: [] });
  let raw: Socket | undefined;
  const server = tls.createServer(context, (socket) => socket.write('x'.repeat(1_000)));
  const tcpServer = net.createServer((socket) => {
    raw = socket;
    server.emit('connection', socket);
  });
  tcpServer.listen(0, '127.0.0.1');
  await once(tcpServer, 'listening');
  t.teardown(() => tcpServer.close());
  const { port } = tcpServer.address() as AddressInfo;
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  t.teardown(() => socket.destroy());
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received === 1_000) socket.emit('whole');
  });
  await within('the data', once(socket, 'whole'));
  t.is(ciphertextOf(socket)?.bytesRead, raw?.bytesWritten);
  t.is(socket.bytesRead, 1_000);
  socket.destroy();
  await once(socket, 'close');
  t.is(ciphertextOf(socket), undefined);
});
