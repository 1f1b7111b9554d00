/** Who has to go when there is no room for another connection, and how much one client may have. */
import type net from 'node:net';
import test from 'ava';
import { clientNetwork, hostNetwork } from '../../../common/network/ip-address.ts';
import { ConnectionTable, type TableEntry } from '../../../common/budget/connection-table.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

interface FakeSocket {
  bytesRead: number;
  bytesWritten: number;
}

function rig({ capacity = 40, clientFraction = 0.5, networkOf = clientNetwork } = {}) {
  const clock = createManualClock();
  const displaced: unknown[] = [];
  const table = new ConnectionTable({
    clock,
    capacity: () => capacity,
    clientFraction: () => clientFraction,
    networkOf,
    displace: (socket) => void displaced.push(socket),
  });
  return {
    clock,
    table,
    displaced,
    arrive(client?: string) {
      const socket: FakeSocket = { bytesRead: 0, bytesWritten: 0 };
      const entry = table.admit(socket as net.Socket, client);
      return { socket, entry };
    },
  };
}

function placed({ entry }: { readonly entry: TableEntry | string }): TableEntry {
  if (typeof entry === 'string') throw new Error(`expected a place, got ${entry}`);
  return entry;
}

test('half-sent connections go first, then those at rest, then the slowest', async (t) => {
  const { clock, table, displaced, arrive } = rig({ clientFraction: 1 });
  const slow = arrive('10.0.0.1');
  placed(slow).begun();
  const slower = arrive('10.0.0.1');
  placed(slower).begun();
  const idle = arrive('10.0.0.1');
  placed(idle).begun();
  placed(idle).ended();
  const half = arrive('10.0.0.1');
  const busy = Array.from({ length: 36 }, () => arrive('10.0.0.1'));
  for (const one of busy) placed(one).begun();
  t.is(table.size, 40);
  await clock.advance(10_000);
  for (const { socket } of busy) socket.bytesWritten = 1_000_000;
  slow.socket.bytesRead = 100;
  for (const expected of [half, idle, slower, slow]) {
    const next = arrive('10.0.0.2');
    placed(next).begun();
    t.is(displaced.at(-1), expected.socket);
    next.socket.bytesRead = 1_000_000;
  }
  t.is(arrive('10.0.0.2').entry, 'too-many-connections', 'who works stays');
  t.is(displaced.length, 4);
});

test('a connection that has just come is not half-sent yet', async (t) => {
  const { clock, displaced, arrive } = rig({ capacity: 4, clientFraction: 1 });
  for (let at = 0; at < 4; at += 1) placed(arrive('10.0.0.1'));
  t.is(arrive('10.0.0.2').entry, 'too-many-connections');
  await clock.advance(1_000);
  placed(arrive('10.0.0.2'));
  t.is(displaced.length, 1);
});

test('one client has half of what is left, and what is beyond it is at its own cost', async (t) => {
  const { clock, table, displaced, arrive } = rig({ capacity: 100 });
  let taken = 0;
  while (typeof arrive('2001:db8::1').entry !== 'string') taken += 1;
  t.is(taken, 45, 'half of it, less the part that is kept for those with few');
  t.is(arrive('2001:db8:0:7::ffff').entry, 'client-limit', 'the same /48');
  const honest = placed(arrive('2001:db8:1:1::1'));
  await clock.advance(1_000);
  placed(arrive('2001:db8::1'));
  t.true(displaced.length >= 1 && displaced.length <= 2, 'others of its own');
  t.is(table.size, 47 - displaced.length, 'and none of the other client');
  honest.begun();
  for (let at = 0; at < 100; at += 1) arrive(`10.0.0.${at}`);
  t.true(table.size <= 100);
});

test('hosts of one /48 each have a share, where they are no clients out of the Internet', (t) => {
  for (const [networkOf, next] of [
    [hostNetwork, 'placed'],
    [clientNetwork, 'client-limit'],
  ] as const) {
    const { arrive } = rig({ capacity: 100, networkOf });
    while (typeof arrive('2001:db8::1').entry !== 'string');
    const { entry } = arrive('2001:db8:0:1::1');
    t.is(typeof entry === 'string' ? entry : 'placed', next);
  }
});

test('the most numerous client makes room for the others', async (t) => {
  const { clock, displaced, arrive } = rig({ capacity: 20 });
  const greedy = new Set<unknown>();
  for (let at = 0; at < 8; at += 1) {
    const { socket, entry } = arrive('10.0.0.1');
    if (typeof entry !== 'string') greedy.add(socket);
  }
  for (let at = 0; greedy.size + at < 20; at += 1) placed(arrive(`10.0.1.${at}`));
  await clock.advance(1_000);
  placed(arrive('10.0.2.1'));
  t.true(greedy.has(displaced[0]));
});

test('behind a proxy the client is who the proxy names', async (t) => {
  const { clock, displaced, arrive } = rig({ capacity: 100 });
  const behind = Array.from({ length: 60 }, () => placed(arrive()));
  t.is(behind.filter((entry) => entry.claim('10.0.0.1')).length, 45);
  t.true(placed(arrive()).claim('10.0.0.2'));
  await clock.advance(1_000);
  t.true(placed(arrive()).claim('10.0.0.1'));
  t.true(displaced.length >= 1);
});

test('a client that comes again and again costs a look at all of its connections now and then', async (t) => {
  const { clock, displaced, table } = rig({ capacity: 1_000 });
  let looks = 0;
  const arrive = (): TableEntry | string => {
    const socket = {
      get bytesRead() {
        looks += 1;
        return 0;
      },
      bytesWritten: 0,
    };
    return table.admit(socket as net.Socket, '10.0.0.1');
  };
  const entries = Array.from({ length: 450 }, () => placed({ entry: arrive() }));
  for (const entry of entries) entry.begun();
  await clock.advance(1_000);
  looks = 0;
  for (let at = 0; at < 500; at += 1) t.is(arrive(), 'client-limit', 'all of them are at work');
  t.is(looks, 450);
  entries[7]?.ended();
  looks = 0;
  placed({ entry: arrive() });
  t.is(displaced.length, 1, 'the one that has come to rest since goes at once');
  t.true(looks < 10, `${looks}`);
  await clock.advance(100);
  looks = 0;
  t.is(arrive(), 'client-limit');
  t.is(looks, 449, 'they are looked at again');
});
