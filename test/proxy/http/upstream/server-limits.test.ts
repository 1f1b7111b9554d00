/** How many requests the servers of a destination take, as they say it with SETTINGS. */
import test from 'ava';
import { world } from './upstream-under-test.ts';

test('HTTP/2: a connection whose server takes no requests ends with what it carries, and holds no place', async (t) => {
  const { ask, dials, connections, settle } = world({ isShared: true, capacity: 1 });
  for (let at = 0; at < 16; at += 1) {
    ask();
    dials.at(-1)?.connect();
    await settle();
  }
  const waiting = ask();
  t.is(dials.length, 16);
  connections[7]?.allow(0);
  t.deepEqual(connections[7]?.calls, ['drain']);
  t.is(dials.length, 17);
  dials.at(-1)?.connect();
  await settle();
  t.not(waiting.connection, undefined);
  t.is(connections.filter(({ isClosed }) => isClosed).length, 1);
});

test('HTTP/2: a connection whose server takes no requests from the start is dialled once for those who wait', async (t) => {
  const { ask, dials, connections, settle } = world({ isShared: true, capacity: 0 });
  const all = [ask(), ask()];
  dials[0]?.connect();
  await settle();
  t.true(all.every(({ error }) => /takes requests/.test(String(error))));
  t.deepEqual(connections[0]?.calls, ['drain']);
  t.is(dials.length, 1);
  ask();
  t.is(dials.length, 2);
});

test('HTTP/2: a server that takes few requests leaves clients the places of the others', async (t) => {
  const { ask, upstream, dials, connections, settle } = world({ isShared: true, capacity: 100 });
  ask();
  dials[0]?.connect();
  await settle();
  for (let at = 0; at < 16; at += 1) ask();
  dials[1]?.connect();
  await settle();
  connections[1]?.allow(2);
  const all = Array.from({ length: 1_000 }, () => ask('greedy'));
  const placed = all.filter(({ connection }) => connection !== undefined).length;
  // Of 16 connections with 51 requests each, less a tenth, half.
  t.is(placed + upstream.waiting, 367);
});
