// Who has to go when there are too many handshakes: always one of the source that has most.
import { EventEmitter, once } from 'node:events';
import net, { type Socket } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { PendingHandshakes } from '../../../common/tls/pending-handshakes.ts';

let ports = 1024;

/** What is looked at of a connection. */
function connection(remoteAddress: string, bytesRead = 0, firstByte = 22): Socket {
  const ends = {
    bytesRead,
    remoteAddress,
    remotePort: ports,
    localAddress: '10.0.0.1',
    localPort: 15008,
  };
  ports += 1;
  const read = (): Buffer => Buffer.of(firstByte);
  const methods = { read, unshift: () => {}, destroy: () => {} };
  return Object.assign(new EventEmitter(), ends, methods) as unknown as Socket;
}

for (const how of ['end', 'resetAndDestroy'] as const) {
  test(`real connections that break off leave nothing behind (${how})`, async (t) => {
    const pending = new PendingHandshakes<number>(8);
    const closed: Promise<unknown>[] = [];
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      closed.push(new Promise((resolve) => socket.once('close', resolve)));
      pending.admit(socket, closed.length);
      socket.once('readable', () => {
        pending.begin(socket);
        socket.resume();
      });
    });
    t.teardown(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    for (let at = 0; at < 20; at += 1) {
      const client = net.connect(port, '127.0.0.1');
      client.on('error', () => {});
      await once(client, 'connect');
      client.write(Buffer.of(22));
      await eventually('it is let in', () => closed.length > at || undefined);
      client[how]();
      await within('it is closed', closed[at] ?? Promise.reject(new Error('not let in')));
      t.is(pending.size, 0);
    }
    t.is(pending.evict(), undefined, 'and none is left to be pushed out in place of another');
  });
}

test('a source that floods loses its own, the silent ones first', (t) => {
  const pending = new PendingHandshakes<string>(8);
  const honest = ['a', 'b', 'c'].map((name) => {
    const socket = connection(`10.0.1.${name.charCodeAt(0)}`);
    pending.admit(socket, name);
    return socket;
  });
  const busy = connection('10.0.2.1');
  pending.admit(busy, 'flood, begun');
  pending.begin(busy);
  const evicted = Array.from({ length: 100 }, (_, at) =>
    pending.admit(connection('10.0.2.1'), `flood ${at}`),
  ).flatMap((one) => one ?? []);
  t.is(pending.size, 3 + 4, 'one source has half of them at most');
  t.deepEqual(
    evicted.map(({ notes }) => notes),
    Array.from({ length: 97 }, (_, at) => `flood ${at}`),
  );
  t.deepEqual([...new Set(evicted.map(({ address }) => address))], ['10.0.2.1']);
  for (const socket of honest) t.is(pending.release(socket)?.socket, socket);
  t.is(pending.release(busy)?.notes, 'flood, begun');
});

test('sources are IPv4 addresses, written in either way, and networks of IPv6', (t) => {
  for (const [one, other, isSame] of [
    ['10.0.0.7', '::ffff:10.0.0.7', true],
    ['2001:db8::1', '2001:db8::ffff:1', true],
    ['2001:db8::1', '2001:db8:0:1::1', false],
    ['10.0.0.7', '10.0.0.8', false],
  ] as const) {
    const pending = new PendingHandshakes<string>(4);
    pending.admit(connection(one), '1');
    pending.admit(connection(other), '2');
    const third = pending.admit(connection(other), '3');
    t.is(third?.notes, isSame ? '1' : undefined, `${one} and ${other}`);
  }
});

test('among many sources the one with most loses, and an address that a proxy told counts', (t) => {
  const pending = new PendingHandshakes<string>(6);
  pending.admit(connection('10.0.0.1'), 'x1', '192.0.2.1');
  pending.admit(connection('10.0.0.1'), 'x2', '192.0.2.1');
  for (const at of [2, 3, 4, 5]) pending.admit(connection('10.0.0.1'), `y${at}`, `192.0.2.${at}`);
  t.is(pending.admit(connection('10.0.0.1'), 'z', '192.0.2.9')?.notes, 'x1');
  t.is(pending.size, 6);
});

test('what has ended is forgotten, whoever ended it', (t) => {
  const pending = new PendingHandshakes<string>(4);
  const socket = connection('10.0.0.1');
  pending.admit(socket, 'a');
  socket.emit('close');
  t.is(pending.size, 0);
  t.is(pending.begin(socket), undefined);
  t.is(pending.release(socket), undefined);
  t.is(pending.evict(), undefined);
  // Two local addresses, one client port.
  const [one, other] = [connection('10.0.0.1'), connection('10.0.0.1')];
  Object.assign(other, { remotePort: one.remotePort, localAddress: '10.0.0.2' });
  pending.admit(one, 'one');
  pending.admit(other, 'other');
  t.is(pending.release(other)?.notes, 'other');
  t.is(pending.release(one)?.notes, 'one');
});

test('a source whose large handshakes come to nothing has to wait, with all that it has under way', async (t) => {
  const clock = createManualClock();
  const pending = new PendingHandshakes<string>(8, clock);
  const usual = connection('10.0.0.1', 6_000);
  pending.admit(usual, 'usual');
  pending.failed(usual);
  for (const at of [1, 2]) {
    const large = connection('10.0.0.1', 90_000);
    t.is(pending.admit(large, `large ${at}`), undefined);
    pending.begin(large);
    pending.admit(connection('10.0.0.1'), `beside ${at}`);
    pending.admit(connection('10.0.0.2'), `other ${at}`);
    // It ends it before its handshake is over.
    large.emit('close');
  }
  t.is(pending.size, 2, 'those of the other source');
  t.is(pending.admit(connection('10.0.0.1'), 'refused')?.notes, 'refused');
  t.is(pending.admit(connection('10.0.0.2'), 'other 3'), undefined);
  await clock.advance(10_000);
  t.is(pending.admit(connection('10.0.0.1'), 'late'), undefined);
});

test('what does not begin as TLS costs its source nothing', (t) => {
  const pending = new PendingHandshakes<string>(8, createManualClock());
  for (const at of [1, 2, 3, 4]) {
    const http = connection('10.0.0.1', 90_000, 'G'.charCodeAt(0));
    t.is(pending.admit(http, `http ${at}`), undefined);
    pending.begin(http);
    pending.failed(http);
  }
});

test('where nobody is asked for certificates, none is costly', (t) => {
  const pending = new PendingHandshakes<string>(8);
  for (const at of [1, 2, 3, 4]) {
    const large = connection('10.0.0.1', 90_000);
    t.is(pending.admit(large, `large ${at}`), undefined);
    pending.begin(large);
    pending.failed(large);
  }
});
