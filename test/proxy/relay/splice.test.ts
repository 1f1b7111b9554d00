import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import test from 'ava';
import { splice } from '../../../proxy/relay/splice.ts';
import type { RelayStream } from '../../../proxy/relay/relay.ts';
import { within } from '../../helpers/deadline.ts';
import { newCounters, readAll, socketPair } from '../tunnel/harness.ts';

/** A tunnel's side in memory: the test holds the far end, and says how it broke. */
function fakeStream() {
  const [near, far] = duplexPair();
  const state: { broken: ReturnType<RelayStream['broken']>; resets: number } = {
    broken: undefined,
    resets: 0,
  };
  const stream: RelayStream = {
    duplex: near,
    broken: () => state.broken,
    reset: () => {
      state.resets += 1;
      near.destroy();
    },
  };
  const breakBy = (how: 'peer-reset' | 'tunnel-lost'): void => {
    state.broken = how;
    near.destroy();
  };
  return { stream, far, state, breakBy };
}

async function readDuplex(duplex: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  duplex.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(duplex, 'end');
  return Buffer.concat(chunks).toString();
}

test('both directions end on their own, and everything that was sent arrives', async (t) => {
  const { app, side } = await socketPair(t);
  const { stream, far, state } = fakeStream();
  const counters = newCounters();
  const outcome = splice(side, stream, counters);
  app.end('to the peer');
  t.is(await within('the end at the peer', readDuplex(far)), 'to the peer');
  far.end('to the app');
  t.is((await within('the end at the app', readAll(app))).toString(), 'to the app');
  t.is(await within('the outcome', outcome), 'complete');
  t.deepEqual(counters, { bytesFromApp: 11, bytesToApp: 10 });
  t.is(state.resets, 0);
});

test('a tunnel that is lost before a byte leaves the socket open, unread, and good for another', async (t) => {
  const { app, side } = await socketPair(t);
  const first = fakeStream();
  const lost = splice(side, first.stream, newCounters());
  first.breakBy('tunnel-lost');
  t.is(await within('the outcome', lost), 'untouched');
  app.end('first words');
  const second = fakeStream();
  const carried = splice(side, second.stream, newCounters());
  t.is(await within('the words at the peer', readDuplex(second.far)), 'first words');
  second.far.end();
  app.resume();
  t.is(await within('the second outcome', carried), 'complete');
});

test('a stream that broke before the relay began leaves the socket alone too', async (t) => {
  const { side } = await socketPair(t);
  const { stream, breakBy } = fakeStream();
  breakBy('tunnel-lost');
  t.is(await splice(side, stream, newCounters()), 'untouched');
  t.false(side.destroyed);
});

for (const how of ['peer-reset', 'tunnel-lost'] as const) {
  test(`${how} after a byte resets the application`, async (t) => {
    const { app, side } = await socketPair(t);
    const { stream, far, breakBy } = fakeStream();
    const outcome = splice(side, stream, newCounters());
    far.write('x');
    await once(app, 'data');
    const reset = new Promise((resolve) => app.once('close', resolve));
    const errors: string[] = [];
    app.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
    breakBy(how);
    t.is(await within('the outcome', outcome), how);
    await within('the reset', reset);
    t.deepEqual(errors, ['ECONNRESET']);
  });
}

test('a reset by the peer is one even before a byte', async (t) => {
  const { side } = await socketPair(t);
  const { stream, breakBy } = fakeStream();
  const outcome = splice(side, stream, newCounters());
  breakBy('peer-reset');
  t.is(await within('the outcome', outcome), 'peer-reset');
  t.true(side.destroyed);
});

test('an application that breaks off resets the stream', async (t) => {
  const { app, side } = await socketPair(t);
  const { stream, state } = fakeStream();
  const outcome = splice(side, stream, newCounters());
  app.resetAndDestroy();
  t.is(await within('the outcome', outcome), 'app-reset');
  t.is(state.resets, 1);
});

test('a socket that is gone already resets the stream', async (t) => {
  const { side } = await socketPair(t);
  side.destroy();
  const { stream, state } = fakeStream();
  t.is(await splice(side, stream, newCounters()), 'app-reset');
  t.is(state.resets, 1);
});

test('a peer that does not read stops the application from sending, within a bound', async (t) => {
  const { app, side } = await socketPair(t);
  const { stream, far } = fakeStream();
  const counters = newCounters();
  void splice(side, stream, counters);
  const block = Buffer.alloc(1024 * 1024);
  let blocked = false;
  while (!blocked) blocked = !app.write(block) && app.writableLength > 32 * block.length;
  await once(side, 'pause');
  t.true(side.isPaused());
  t.true(stream.duplex.writableLength <= 1024 * 1024);
  const read = counters.bytesFromApp;
  far.resume();
  await within('the rest', once(side, 'resume'));
  t.true(counters.bytesFromApp >= read);
});
