// A client that is not read is asked whether it has left. One that has only ended its direction has not.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { loadPeerEnd, peerEnd } from '../../../proxy/stream/peer-end.ts';
import type { PlaintextStream } from '../../../proxy/stream/plaintext-stream.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';
import { ACCEPTED, type Accept, Listener } from './stream-pairs.ts';

/** More than one read takes, and less than the system. */
const UPLOAD = Buffer.alloc(140_000, 'upload ');

interface Upload {
  readonly client: Socket;
  readonly clock: ManualClock;
  readonly listener: Listener;
  readonly stream: PlaintextStream;
}

/** A client has sent something and its FIN, of which a reader has taken a part. */
async function uploaded(t: ExecutionContext, accept: Accept): Promise<Upload> {
  await loadPeerEnd();
  const { app: client, accepted } = await accept(t);
  const clock = createManualClock();
  const stream = accepted.stream({ clientClock: clock });
  const listener = new Listener(stream, { isStalled: true });
  client.resume().end(UPLOAD);
  await eventually('the client has ended its direction', () => peerEnd(stream));
  t.true(listener.bytes > 0 && listener.bytes < UPLOAD.length);
  return { client, clock, listener, stream };
}

for (const [kind, accept] of Object.entries(ACCEPTED)) {
  test(`${kind}: what a client has sent is read to its end, although both sides have ended the connection`, async (t) => {
    const { client, clock, listener } = await uploaded(t, accept);
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

  test(`${kind}: a client that breaks off is noticed while it is not read`, async (t) => {
    const { client, clock, listener, stream } = await uploaded(t, accept);
    client.resetAndDestroy();
    await eventually('the reset has come', () => peerEnd(stream) === 'reset' || undefined);
    await clock.advance(1_000);
    t.deepEqual(listener.closes, ['reset']);
  });
}
