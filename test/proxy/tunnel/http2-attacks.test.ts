// The known attacks on HTTP/2, by an insider with a valid certificate over real TLS: each costs the
// attacker its tunnel, us a bounded amount, and the tunnel of the good peer nothing.
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { NO_TABLE } from '../../../proxy/http2/hpack/encoder.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { CLIENT_PREFACE, frame, literalHeader } from '../../helpers/clients/http2-frames.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { connectForeign, tlsOptions } from './foreign-peer.ts';
import {
  createEngine,
  createIdentity,
  readEach,
  relaySocket,
  sample,
  serveApp,
  socketPair,
  startApp,
  targetOf,
} from './harness.ts';

const MEBIBYTE = 1024 * 1024;

/** More than any attack needs. */
const MOST_BYTES = 32 * MEBIBYTE;

/** So many frames in one write. */
const PIECE_FRAMES = 500;

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const setting = (id: number, value: number): Buffer =>
  frame({ type: 4, payload: Buffer.concat([Buffer.of(0, id), uint32(value)]) });
const windowUpdate = (stream: number, bytes: number): Buffer =>
  frame({ type: 8, stream, payload: uint32(bytes) });
const CONNECT = Buffer.concat([
  literalHeader(':method', 'CONNECT'),
  literalHeader(':authority', '127.0.0.1:80'),
]);
const connect = (stream: number): Buffer => frame({ type: 1, flags: 4, stream, payload: CONNECT });
const ping = frame({ type: 6, payload: Buffer.alloc(8) });

/** The HPACK bomb: a large entry in the table, and a block that names it over and over. */
const LARGE_ENTRY = Buffer.concat([
  CONNECT,
  Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]),
  Buffer.alloc(3_968, 0x78),
]);

/** An attack: what comes first, and then the frames that are repeated. */
interface Attack {
  readonly first?: readonly Buffer[];
  readonly next: (count: number) => Buffer;
  /** The attacker reads nothing. */
  readonly isDeaf?: true;
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  'rapid reset': {
    next: (count) =>
      Buffer.concat([
        connect(2 * count + 1),
        frame({ type: 3, stream: 2 * count + 1, payload: uint32(8) }),
      ]),
  },
  'streams that are made to break by the server': {
    next: (count) => Buffer.concat([connect(2 * count + 1), windowUpdate(2 * count + 1, 0)]),
  },
  'CONTINUATION without end': {
    first: [frame({ type: 1, stream: 1, payload: CONNECT })],
    next: () => frame({ type: 9, stream: 1, payload: literalHeader('a', 'b') }),
  },
  'empty CONTINUATION': {
    first: [frame({ type: 1, stream: 1 })],
    next: () => frame({ type: 9, stream: 1 }),
  },
  SETTINGS: { next: () => frame({ type: 4 }) },
  PING: { next: () => ping },
  'PING whose answers are not read': { next: () => ping, isDeaf: true },
  'PING between tiny DATA, unread': {
    first: [connect(1)],
    next: () =>
      Buffer.concat([frame({ type: 0, stream: 1, payload: Buffer.of(1) }), ping, ping, ping]),
    isDeaf: true,
  },
  'windows that grow by one byte': {
    first: [connect(1)],
    next: (count) => windowUpdate(count % 2, 1),
  },
  'a window beyond 2^31-1': { next: () => windowUpdate(0, 2 ** 31 - 1) },
  'a window of 0 more': { next: () => windowUpdate(0, 0) },
  'INITIAL_WINDOW_SIZE back and forth over open streams': {
    first: Array.from({ length: 100 }, (_, index) => connect(2 * index + 1)),
    next: (count) => setting(4, count % 2 === 0 ? 0 : 2 ** 31 - 1),
  },
  'HPACK bomb': {
    first: [frame({ type: 1, flags: 4, stream: 1, payload: LARGE_ENTRY })],
    next: (count) =>
      frame({ type: 1, flags: 4, stream: 2 * count + 3, payload: Buffer.alloc(16_000, 0xbe) }),
  },
  'empty DATA': { first: [connect(1)], next: () => frame({ type: 0, stream: 1 }) },
  'DATA of nothing but padding': {
    first: [connect(1)],
    next: () => frame({ type: 0, flags: 8, stream: 1, payload: Buffer.alloc(256, 255) }),
  },
  PRIORITY: { next: () => frame({ type: 2, stream: 1, payload: Buffer.of(0, 0, 0, 3, 1) }) },
  'frames of unknown types': { next: () => frame({ type: 200 }) },
  'HEADERS of a stream that was reset': {
    first: [connect(1), windowUpdate(1, 0)],
    next: () => frame({ type: 1, flags: 4, stream: 1, payload: NO_TABLE }),
  },
  'requests that are no CONNECT': {
    next: (count) =>
      frame({ type: 1, flags: 5, stream: 2 * count + 1, payload: Buffer.of(0x82, 0x84, 0x87) }),
  },
};

for (const [what, attack] of Object.entries(ATTACKS)) {
  test.serial(`costs the attacker its tunnel: ${what}`, async (t) => {
    const { api, attacker, unharmed, memory } = await besieged(t);
    const socket = await attacker();
    const ended = heard(socket, 'close');
    if (attack.isDeaf !== true) socket.resume();
    const before = process.cpuUsage();
    const sent = await flood(socket, attack);
    // One that reads nothing does not hear of the end either.
    socket.resume();
    await within('the end of the tunnel', ended);
    const { user, system } = process.cpuUsage(before);
    t.log(
      `${(sent / 1024).toFixed(0)} KiB, ${((user + system) / 1000).toFixed(0)} ms of both sides`,
    );
    // For two seconds we still take what comes, so that the reason of the end can be read.
    t.true(attack.isDeaf === true || sent < MOST_BYTES, `${sent} bytes were taken`);
    const labels = { direction: 'inbound', reason: 'protocol-error' };
    const name = 'hauberk_tunnels_closed_total';
    await eventually('its end is counted', async () =>
      (await sample(api.registry, name, labels)) === 1 ? true : undefined,
    );
    t.is(api.lines.filter(({ event }) => event === 'tunnel-closed').length, 1);
    await unharmed();
    await eventually('nothing is held', () => memory.totalBytes === 0 || undefined);
  });
}

test.serial('300 streams that nobody reads are shed beside one that is read', async (t) => {
  const { attacker, memory, download } = await besieged(t, 4 * MEBIBYTE);
  // Two tunnels of 150 streams, whose windows stay shut.
  const sockets = [await attacker(), await attacker()];
  for (const socket of sockets) {
    socket.write(setting(4, 0));
    for (let index = 0; index < 150; index += 1) socket.write(connect(2 * index + 1));
    socket.resume();
  }
  await eventually('the memory has been exceeded', () => memory.shedCount > 100 || undefined);
  t.true(memory.totalBytes <= 4 * MEBIBYTE);
  const shedBefore = memory.shedCount;
  t.is(await within('the fast one is served', download()), DOWNLOAD.length);
  t.true(memory.totalBytes <= 4 * MEBIBYTE);
  t.log(`${shedBefore} streams were shed`);
  for (const socket of sockets) socket.destroy();
  await eventually('all is given back', () => memory.totalBytes === 0 || undefined);
});

const DOWNLOAD = Buffer.alloc(4 * MEBIBYTE, 'hauberk');

/** api's listener in front of an app that sends much, the good peer's tunnel, and a way to attack. */
async function besieged(t: ExecutionContext, memoryBytes = 64 * MEBIBYTE) {
  const authority = createTestAuthority();
  const memory = new MemoryBudget(memoryBytes);
  const api = createEngine(t, createIdentity(authority, 'api'), { memory });
  const web = createEngine(t, createIdentity(authority, 'web'), {
    limits: { handshakeTimeoutMs: 30_000 },
  });
  const app = await startApp(t, (socket) => socket.resume().end(DOWNLOAD));
  const listener = await api.listen(serveApp(app.port));
  const tunnel = await web.dial(targetOf(listener, api.identity));
  t.teardown(() => tunnel.destroy('forced'));
  const mallory = tlsOptions(authority, authority.workload('shop', 'mallory'));
  const download = async (): Promise<number> => {
    const { app: client, side } = await socketPair(t);
    const stream = await within('an answer', tunnel.open('127.0.0.1:80'));
    const outcome = relaySocket(stream, side);
    let bytes = 0;
    const read = readEach(client, (chunk) => (bytes += chunk.length));
    client.end();
    await read;
    t.is(await outcome, 'complete');
    return bytes;
  };
  return {
    api,
    memory,
    download,
    async attacker(): Promise<TLSSocket> {
      const socket = connectForeign(t, listener.port, mallory);
      await within('the handshake', once(socket, 'secureConnect'));
      socket.write(CLIENT_PREFACE);
      return socket;
    },
    async unharmed(): Promise<void> {
      t.is(await within('the good peer is served', download()), DOWNLOAD.length);
      t.true(tunnel.accepting);
    },
  };
}

/** Resolves at an event; an error before it is an end like any other. */
function heard(socket: TLSSocket, event: 'close' | 'drain'): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()));
}

/** Sends until the connection has gone; returns how many bytes it took. */
async function flood(socket: TLSSocket, { first = [], next }: Attack): Promise<number> {
  let sent = 0;
  const gone = heard(socket, 'close');
  const send = async (bytes: Buffer): Promise<void> => {
    sent += bytes.length;
    if (socket.write(bytes)) await new Promise((resolve) => setImmediate(resolve));
    else await within('it is taken, or cut off', Promise.race([heard(socket, 'drain'), gone]));
  };
  if (first.length > 0) await send(Buffer.concat(first));
  for (let count = 0; sent < MOST_BYTES && !socket.destroyed; count += PIECE_FRAMES) {
    const frames = Array.from({ length: PIECE_FRAMES }, (_, index) => next(count + index));
    await send(Buffer.concat(frames).subarray(0, MEBIBYTE));
  }
  return sent;
}
