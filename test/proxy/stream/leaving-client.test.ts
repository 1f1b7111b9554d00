// A client that is not read is asked whether it has left. One that has only ended its direction has not.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { loadPeerEnd, peerEnd } from '../../../proxy/stream/peer-end.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';
import { Listener } from './stream-pairs.ts';

/** More than one read takes, and less than the system. */
const UPLOAD = Buffer.alloc(140_000, 'upload ');

interface Upload {
  readonly client: Socket;
  readonly clock: ManualClock;
  readonly listener: Listener;
  readonly socket: Socket;
}

/** A client has sent something and its FIN, of which a reader has taken a part. */
async function uploaded(t: ExecutionContext): Promise<Upload> {
  await loadPeerEnd();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => socket.destroy());
  const clock = createManualClock();
  const listener = new Listener(socketStream(socket, { clientClock: clock }), { isStalled: true });
  client.resume().end(UPLOAD);
  await eventually('the client has ended its direction', () => peerEnd(socket));
  t.true(listener.bytes > 0 && listener.bytes < UPLOAD.length);
  return { client, clock, listener, socket };
}

test('what a client has sent is read to its end, although both sides have ended the connection', async (t) => {
  const { client, clock, listener } = await uploaded(t);
  const closed = once(client, 'close');
  listener.stream.write(Buffer.from('answered early'));
  listener.stream.end();
  await closed;
  await clock.advance(3_000);
  t.deepEqual(listener.closes, [], 'it has not broken off');
  listener.take();
  await eventually('it is closed', () => listener.closes.length > 0 || undefined);
  t.deepEqual([listener.bytes, listener.ends, listener.closes], [UPLOAD.length, 1, ['ended']]);
});

test('a client that breaks off is noticed while it is not read', async (t) => {
  const { client, clock, listener, socket } = await uploaded(t);
  client.resetAndDestroy();
  await eventually('the reset has come', () => peerEnd(socket) === 'reset' || undefined);
  await clock.advance(1_000);
  t.deepEqual(listener.closes, ['reset']);
});
