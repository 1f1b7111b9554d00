// A connection of an application and a stream of a peer, joined: what happens at one end happens at the other.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import test from 'ava';
import { relay } from '../../../proxy/stream/relay.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import { within } from '../../helpers/deadline.ts';
import { newCounters, readAll, socketPair } from '../tunnel/harness.ts';
import { FakeStream } from './fake-stream.ts';

/** How a connection ended: the error's code, or `end`. */
function settled(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    socket.on('end', () => resolve('end'));
    socket.resume();
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('both directions end on their own, and everything that was sent arrives', async (t) => {
  const { app, side } = await socketPair(t);
  const peer = new FakeStream();
  const counters = newCounters();
  const outcome = relay(socketStream(side), peer, counters);
  app.end('to the peer');
  await within(
    'the end at the peer',
    until(() => peer.calls.includes('end')),
  );
  t.is(peer.text, 'to the peer');
  peer.data('to the app');
  peer.finish();
  t.is((await within('the end at the app', readAll(app))).toString(), 'to the app');
  t.is(await within('the outcome', outcome), 'complete');
  t.deepEqual(counters, { bytesFromApp: 11, bytesToApp: 10 });
  t.is(peer.consumedBytes, 10, 'what the application has taken was not given back');
  t.deepEqual(peer.calls, ['start', 'end']);
});

test('an observer sees what passes, and nothing more once it has seen enough', async (t) => {
  const { app, side } = await socketPair(t);
  const peer = new FakeStream();
  const seen: string[] = [];
  const outcome = relay(socketStream(side), peer, newCounters(), {
    data(from, chunk) {
      // Before it is written: afterwards an owned chunk is no longer the relay's.
      seen.push(`${from} ${chunk.toString()} ${peer.text.length}`);
      return seen.length < 2;
    },
    end: (from) => void seen.push(`${from} end`),
  });
  peer.data('hello');
  app.write('to the peer');
  await within(
    'the words at the peer',
    until(() => peer.text === 'to the peer'),
  );
  peer.data('more');
  app.end();
  peer.finish();
  t.is((await within('the end at the app', readAll(app))).toString(), 'hellomore');
  t.is(await within('the outcome', outcome), 'complete');
  t.deepEqual(seen, ['bytesToApp hello 0', 'bytesFromApp to the peer 0']);
});

test('a tunnel that is lost before a byte leaves the socket open, unread, and good for another', async (t) => {
  const { app, side } = await socketPair(t);
  const stream = socketStream(side);
  const first = new FakeStream();
  const lost = relay(stream, first, newCounters());
  first.closeAs('lost');
  t.is(await within('the outcome', lost), 'untouched');
  app.end('first words');
  const second = new FakeStream();
  const carried = relay(stream, second, newCounters());
  await within(
    'the words at the peer',
    until(() => second.calls.includes('end')),
  );
  t.is(second.text, 'first words');
  second.finish();
  app.resume();
  t.is(await within('the second outcome', carried), 'complete');
  t.is(first.text, '');
});

test('a stream that broke before the relay began leaves the socket alone too', async (t) => {
  const { side } = await socketPair(t);
  const peer = new FakeStream((stream) => stream.closeAs('lost'));
  t.is(await relay(socketStream(side), peer, newCounters()), 'untouched');
  t.false(side.destroyed);
});

for (const [how, expected] of [
  ['reset', 'peer-reset'],
  ['lost', 'tunnel-lost'],
  ['shed', 'shed'],
] as const) {
  test(`${how} after a byte resets the application`, async (t) => {
    const { app, side } = await socketPair(t);
    const peer = new FakeStream();
    const outcome = relay(socketStream(side), peer, newCounters());
    peer.data('x');
    await once(app, 'data');
    const ended = settled(app);
    peer.closeAs(how);
    t.is(await within('the outcome', outcome), expected);
    t.is(await within('the reset', ended), 'ECONNRESET');
  });
}

test('a reset by the peer is one even before a byte', async (t) => {
  const { side } = await socketPair(t);
  const peer = new FakeStream();
  const outcome = relay(socketStream(side), peer, newCounters());
  peer.closeAs('reset');
  t.is(await within('the outcome', outcome), 'peer-reset');
  t.true(side.destroyed);
});

test('a peer that has said everything and reads no more ends the application well', async (t) => {
  const { app, side } = await socketPair(t);
  const peer = new FakeStream();
  const outcome = relay(socketStream(side), peer, newCounters());
  const read = readAll(app);
  peer.data('the answer');
  peer.receiver?.end();
  peer.closeAs('unread');
  t.is((await within('the end', read)).toString(), 'the answer');
  t.is(await within('the outcome', outcome), 'complete');
});

test('an application that breaks off resets the stream', async (t) => {
  const { app, side } = await socketPair(t);
  const peer = new FakeStream();
  const outcome = relay(socketStream(side), peer, newCounters());
  app.resetAndDestroy();
  t.is(await within('the outcome', outcome), 'app-reset');
  t.deepEqual(peer.calls, ['start', 'reset']);
});

test('a socket that is gone already resets the stream', async (t) => {
  const { side } = await socketPair(t);
  side.destroy();
  const peer = new FakeStream();
  t.is(await relay(socketStream(side), peer, newCounters()), 'app-reset');
  t.deepEqual(peer.calls, ['start', 'reset']);
});

test('an application whose connection was cut, and had ended its direction, resets the stream', async (t) => {
  const { app, side } = await socketPair(t);
  const peer = new FakeStream();
  const outcome = relay(socketStream(side), peer, newCounters());
  app.end('all');
  await within(
    'its end',
    until(() => peer.calls.includes('end')),
  );
  side.resetAndDestroy();
  t.is(await within('the outcome', outcome), 'app-reset');
  t.is(peer.calls.at(-1), 'reset');
});

test('a peer that does not read stops the application from sending, within a bound', async (t) => {
  const { app, side } = await socketPair(t);
  const peer = new FakeStream();
  peer.takes = false;
  const counters = newCounters();
  void relay(socketStream(side), peer, counters);
  const block = Buffer.alloc(1024 * 1024);
  app.write(block);
  app.write(block);
  await within('the stop', once(side, 'pause'));
  await new Promise((resolve) => setImmediate(resolve));
  t.true(side.isPaused());
  // One read.
  t.true(counters.bytesFromApp <= 128 * 1024);
  peer.take();
  await within(
    'the rest',
    until(() => counters.bytesFromApp === 2 * block.length),
  );
});
