/** Connections to one destination: kept, shared, and let go of. */
import test from 'ava';
import { world } from './upstream-under-test.ts';

test('a connection is made for each request, and used again when it is free', async (t) => {
  const { ask, dials, connections, settle } = world();
  const one = ask();
  const two = ask();
  t.is(dials.length, 2);
  for (const dial of dials) dial.connect();
  await settle();
  t.not(one.connection, two.connection);
  connections[0]?.free();
  one.connection?.release();
  const three = ask();
  t.is(three.connection, one.connection);
  t.is(dials.length, 2);
});

test('who waits is served by the first connection that is free', async (t) => {
  const { ask, dials, connections, settle } = world();
  const one = ask();
  dials[0]?.connect();
  await settle();
  const two = ask();
  t.is(two.connection, undefined);
  connections[0]?.free();
  one.connection?.release();
  t.is(two.connection, one.connection);
  dials[1]?.connect();
  await settle();
  t.is(connections.length, 2, 'the other one is kept');
});

test('a connection that ends while it is kept is not used', async (t) => {
  const { ask, dials, connections, settle } = world();
  const one = ask();
  dials[0]?.connect();
  await settle();
  connections[0]?.free();
  one.connection?.release();
  connections[0]?.end();
  t.is(ask().connection, undefined);
  t.is(dials.length, 2);
});

for (const isShared of [false, true]) {
  test(`a server that is leaving gets no further request: ${isShared ? 'shared' : 'kept'}`, async (t) => {
    let isLeaving = false;
    const { ask, dials, connections, settle } = world({ isShared });
    const one = ask();
    dials[0]?.connect(() => isLeaving);
    await settle();
    connections[0]?.free();
    one.connection?.release();
    isLeaving = true;
    const two = ask();
    t.is(two.connection, undefined, 'another one is dialled');
    t.is(dials.length, 2);
    t.true(connections[0]?.calls.includes('drain'));
    dials[1]?.connect();
    await settle();
    t.not(two.connection, one.connection);
    t.not(two.connection, undefined);
  });
}

test('a request is not given to a server that is leaving when the one before it ends', async (t) => {
  let isLeaving = false;
  const { ask, dials, connections, settle } = world();
  const one = ask();
  dials[0]?.connect(() => isLeaving);
  await settle();
  const two = ask();
  isLeaving = true;
  connections[0]?.free();
  one.connection?.release();
  t.is(two.connection, undefined);
  t.true(connections[0]?.calls.includes('drain'));
  dials[1]?.connect();
  await settle();
  t.not(two.connection, undefined);
});

test('who gives up does not have a connection made', async (t) => {
  const { ask, upstream, dials, connections, settle } = world();
  const one = ask();
  upstream.cancel(one.waiter);
  t.true(dials[0]?.signal.aborted);
  dials[0]?.connect();
  await settle();
  t.is(connections.length, 0);
  t.is(one.error, undefined);
});

test('who gives up does not end the dial of another one, who came before or after', async (t) => {
  const { ask, upstream, dials, settle } = world();
  const first = ask();
  const others = [ask(), ask()];
  const last = ask();
  for (const { waiter } of others) upstream.cancel(waiter);
  t.deepEqual(
    dials.map(({ signal }) => signal.aborted),
    [false, false, true, true],
  );
  for (const dial of dials) dial.connect();
  await settle();
  t.not(first.connection, undefined);
  t.not(last.connection, undefined);
  t.is(dials.length, 4);
});

test('a failure is told to the one that waits the longest', async (t) => {
  const { ask, dials, settle } = world();
  const one = ask();
  const two = ask();
  const error = new Error('nobody');
  dials[1]?.fail(error);
  await settle();
  t.is(one.error, error);
  t.is(two.error, undefined);
});

test('a connection that does not come in time is given up', async (t) => {
  const { ask, clock } = world();
  const one = ask();
  await clock.advance(9_999);
  t.is(one.error, undefined);
  await clock.advance(1);
  t.regex(String(one.error), /no connection after 10 s/);
});

test('what is kept is let go of after a time, and sooner where there is much of it', async (t) => {
  const { ask, dials, connections, settle, clock } = world();
  const all = Array.from({ length: 70 }, () => ask());
  for (const dial of dials) dial.connect();
  await settle();
  for (const [at, { connection }] of all.entries()) {
    connections[at]?.free();
    connection?.release();
  }
  const ended = (): number => connections.filter(({ isClosed }) => isClosed).length;
  await clock.advance(1_999);
  t.is(ended(), 0, 'the next requests may come at once');
  await clock.advance(1);
  t.is(ended(), 6, 'what is beyond 64');
  t.true(
    connections.slice(0, 6).every(({ isClosed }) => isClosed),
    'unused the longest',
  );
  await clock.advance(12_999);
  t.is(ended(), 6);
  await clock.advance(1);
  t.is(ended(), 70);
  t.deepEqual(clock.pending, [], 'nothing is waited for');
});

test('hundreds of requests whose answers come in bursts have no connection made again', async (t) => {
  const { ask, dials, connections, settle, clock } = world();
  for (let burst = 0; burst < 5; burst += 1) {
    const all = Array.from({ length: 256 }, () => ask());
    for (const dial of dials) dial.connect();
    await settle();
    for (const connection of connections) connection.free();
    for (const { connection } of all) connection?.release();
    await clock.advance(100);
  }
  t.is(dials.length, 256);
  t.true(connections.every(({ isClosed }) => !isClosed));
});

test('HTTP/2: requests share a connection, and another one is made when it is busy', async (t) => {
  const { ask, dials, connections, settle } = world({ isShared: true, capacity: 100 });
  for (let at = 0; at < 3; at += 1) ask();
  t.is(dials.length, 1);
  dials[0]?.connect();
  await settle();
  for (let at = 0; at < 13; at += 1) ask();
  t.is(dials.length, 1);
  ask();
  t.is(dials.length, 2);
  dials[1]?.connect();
  await settle();
  ask();
  t.is(connections[1]?.exchanges.length, 1, 'the least busy one');
});

test('HTTP/2: a full connection is waited for, where there may be no other', async (t) => {
  const { ask, dials, connections, settle } = world({ isShared: true, capacity: 1 });
  for (let at = 0; at < 16; at += 1) {
    ask();
    dials.at(-1)?.connect();
    await settle();
  }
  const last = ask();
  t.is(dials.length, 16);
  connections[7]?.free();
  t.not(last.connection, undefined);
});

test('HTTP/2: a failure is told to all that wait for it', async (t) => {
  const { ask, dials, settle } = world({ isShared: true });
  const all = [ask(), ask()];
  dials[0]?.fail(new Error('nobody'));
  await settle();
  t.true(all.every(({ error }) => error !== undefined));
});

test('HTTP/2: as many connections are made as those that wait need, though no other request comes', async (t) => {
  const { ask, dials, settle } = world({ isShared: true, capacity: 10 });
  const all = Array.from({ length: 25 }, () => ask());
  for (const at of [0, 1, 2]) {
    dials[at]?.connect();
    await settle();
  }
  t.true(all.every(({ connection }) => connection !== undefined));
  t.is(dials.length, 3);
});

test('HTTP/1: a client has its share of connections, and what is beyond waits until one of its own is free', async (t) => {
  const { ask, dials, connections, settle } = world();
  const all = Array.from({ length: 2_000 }, () => ask('greedy'));
  t.is(dials.length, 1_843, 'half of 4,096, less a tenth');
  const other = ask('other');
  t.is(dials.length, 1_844);
  for (const dial of dials) dial.connect();
  await settle();
  t.not(other.connection, undefined);
  const placed = () => all.filter(({ connection }) => connection !== undefined).length;
  t.is(placed(), 1_843);
  connections[0]?.free();
  all[0]?.connection?.release();
  t.is(placed(), 1_844);
  t.is(dials.length, 1_844, 'on the connection that is free');
});

test('who waits for its share is forgotten when it gives up, and served when another of its own does', async (t) => {
  const { ask, upstream, dials, settle } = world();
  const all = Array.from({ length: 1_845 }, () => ask('greedy'));
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined) return t.fail();
  const next = all.at(-2);
  upstream.cancel(last.waiter);
  upstream.cancel(first.waiter);
  for (const dial of dials) dial.connect();
  await settle();
  t.not(next?.connection, undefined);
  t.is(last.connection, undefined);
  t.is(last.error, undefined);
});

test('a client of which too many wait is told so, and so are all when too many wait for a connection', (t) => {
  const { ask, dials } = world({ isShared: true });
  const all = Array.from({ length: 3_000 }, () => ask('greedy'));
  const refused = all.filter(({ error }) => error !== undefined);
  // Of 16 connections that take 16 requests each, and of 4,096 that wait, half less a tenth.
  t.is(refused.length, 3_000 - 115 - 1_843);
  t.regex(String(refused[0]?.error), /leaves room for others/);
  t.is(ask('other').error, undefined);
  for (let at = 0; at < 4_096; at += 1) ask();
  t.regex(String(ask().error), /at most 4096 requests that wait/);
  t.is(dials.length, 1);
});

test('a failed dial gives the places of those that waited for it to others', async (t) => {
  const { ask, dials, settle } = world({ isShared: true, capacity: 16 });
  const all = Array.from({ length: 200 }, () => ask('greedy'));
  dials[0]?.fail(new Error('nobody'));
  await settle();
  t.is(all.filter(({ error }) => error !== undefined).length, 115);
  dials[1]?.connect();
  await settle();
  t.is(all.filter(({ connection }) => connection !== undefined).length, 16);
});

test('HTTP/2: connections that take no more requests, and carry some for long, are no reason to make none', async (t) => {
  const { ask, dials, connections, settle } = world({ isShared: true, capacity: 1 });
  for (let at = 0; at < 16; at += 1) {
    ask();
    dials.at(-1)?.connect();
    await settle();
  }
  const waiting = ask();
  t.is(dials.length, 16);
  const [one] = connections;
  if (one === undefined) return t.fail();
  one.isClosed = true;
  one.observer.available();
  t.is(dials.length, 17);
  dials.at(-1)?.connect();
  await settle();
  t.not(waiting.connection, undefined);
});

test('at the end nothing is left', async (t) => {
  const { ask, upstream, dials, connections, settle } = world();
  ask();
  dials[0]?.connect();
  await settle();
  ask();
  upstream.close();
  await settle();
  t.true(connections.every(({ isClosed }) => isClosed));
  t.true(dials[1]?.signal.aborted);
});
