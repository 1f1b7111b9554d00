// A stream of the bound whose window is shut when its socket closes: what was read before still leaves.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { CarriedStream, type StreamCarrier } from '../../bench/bound/carried-stream.ts';

test('what waits for a window when both directions have ended is sent, and then the end', async (t) => {
  const server = createServer({ allowHalfOpen: true });
  t.teardown(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const app = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [socket] = (await once(server, 'connection')) as [Socket];
  const sent: string[] = [];
  const writer = {
    isFull: false,
    data: (_id: number, bytes: Buffer, from: number, to: number) =>
      void sent.push(bytes.toString('latin1', from, to)),
    frame: () => void sent.push('end'),
    number: () => void sent.push('reset'),
  };
  const tunnel = { writer, sendWindow: 0, waitForRoom: () => {}, forget: () => sent.push('over') };
  const stream = new CarriedStream(tunnel as unknown as StreamCarrier, 1);
  stream.attach(socket);
  socket.on('data', (bytes: Buffer) => stream.send(bytes, bytes.length));
  app.end('hello');
  app.resume();
  stream.receiveEnd();
  await once(socket, 'close');
  t.deepEqual(sent, []);
  tunnel.sendWindow = 100;
  stream.sendPending();
  t.deepEqual(sent, ['hello', 'end', 'over']);
});
