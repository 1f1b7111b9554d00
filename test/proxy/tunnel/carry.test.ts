import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { RelayOutcome } from '../../../proxy/stream/relay.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  createEngine,
  createIdentity,
  newCounters,
  readAll,
  readEach,
  relaySocket,
  serveApp,
  socketPair,
  startApp,
  targetOf,
} from './harness.ts';

interface Path {
  /** The client application's end. */
  readonly app: Socket;
  readonly outcome: Promise<RelayOutcome>;
  readonly counters: { bytesFromApp: number; bytesToApp: number };
}

/** web's sidecar dials api's sidecar, which serves `onConnection`. */
async function mesh(t: ExecutionContext, onConnection: (socket: Socket) => void) {
  const authority = createTestAuthority();
  const web = createEngine(t, createIdentity(authority, 'web'));
  const api = createEngine(t, createIdentity(authority, 'api'));
  const app = await startApp(t, onConnection);
  const outcomes: string[] = [];
  const listener = await api.listen(serveApp(app.port, outcomes));
  const tunnel = await web.dial(targetOf(listener, api.identity));
  t.teardown(() => tunnel.destroy('forced'));
  const connect = async (): Promise<Path> => {
    const { app: client, side } = await socketPair(t);
    const stream = await tunnel.open(`127.0.0.1:${app.port}`);
    const counters = newCounters();
    return { app: client, outcome: relaySocket(stream, side, counters), counters };
  };
  return { tunnel, connect, outcomes, listener };
}

test('the client ends its direction first and still reads the answer', async (t) => {
  const { connect, outcomes, tunnel } = await mesh(t, (socket) => {
    void readAll(socket).then((body) => socket.end(`got ${body.toString()}`));
  });
  const { app, outcome, counters } = await connect();
  app.end('hello');
  t.is((await within('the answer', readAll(app))).toString(), 'got hello');
  t.is(await within('the end of the relay', outcome), 'complete');
  t.deepEqual(counters, { bytesFromApp: 5, bytesToApp: 9 });
  await within(
    'the end of the last stream',
    until(() => tunnel.openStreams === 0),
  );
  t.deepEqual(outcomes, ['complete']);
});

test('the server speaks first, ends first, and still reads what comes after', async (t) => {
  const received = Promise.withResolvers<string>();
  const { connect } = await mesh(t, (socket) => {
    socket.end('220 ready');
    void readAll(socket).then((body) => received.resolve(body.toString()));
  });
  const { app, outcome } = await connect();
  t.is((await within('the greeting', readAll(app))).toString(), '220 ready');
  app.end('late words');
  t.is(await within('the late words', received.promise), 'late words');
  t.is(await outcome, 'complete');
});

test('64 MiB go each way at once, unharmed', async (t) => {
  const block = randomBytes(1024 * 1024);
  const blocks = 64;
  const expected = createHash('sha256');
  for (let i = 0; i < blocks; i += 1) expected.update(block);
  const digest = expected.digest('hex');
  const serverDigest = Promise.withResolvers<string>();
  const { connect } = await mesh(t, (socket) => {
    void hashOf(socket).then(serverDigest.resolve);
    void send(socket, block, blocks);
  });
  const { app, outcome, counters } = await connect();
  const sent = send(app, block, blocks);
  t.is(await within('the download', hashOf(app), 50_000), digest);
  t.is(await within('the upload', serverDigest.promise, 50_000), digest);
  await sent;
  t.is(await outcome, 'complete');
  t.deepEqual(counters, { bytesFromApp: 64 * 1024 * 1024, bytesToApp: 64 * 1024 * 1024 });
});

test('a reset by the client application reaches the server application as a reset', async (t) => {
  const seen = Promise.withResolvers<string>();
  const { connect, outcomes } = await mesh(t, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => seen.resolve(String(error.code)));
    socket.on('end', () => seen.resolve('end'));
    socket.write('x');
    socket.resume();
  });
  const { app, outcome } = await connect();
  await once(app, 'data');
  app.resetAndDestroy();
  t.is(await within('the reset at the server', seen.promise), 'ECONNRESET');
  t.is(await outcome, 'app-reset');
  await within(
    'the end at the other side',
    until(() => outcomes.length > 0),
  );
  t.deepEqual(outcomes, ['peer-reset']);
});

test('a reset by the server application, halfway, never looks like an end', async (t) => {
  const { connect, outcomes } = await mesh(t, (socket) => {
    socket.write(Buffer.alloc(100_000));
    socket.once('data', () => socket.resetAndDestroy());
  });
  const { app, outcome } = await connect();
  const ended = settled(app);
  app.write('now');
  t.is(await within('the reset at the client', ended), 'ECONNRESET');
  t.is(await outcome, 'peer-reset');
  await within(
    'the end at the other side',
    until(() => outcomes.length > 0),
  );
  t.deepEqual(outcomes, ['app-reset']);
});

test('a reader that stalls does not hold up the one beside it', async (t) => {
  const block = Buffer.alloc(1024 * 1024);
  const { connect, tunnel } = await mesh(t, (socket) => void send(socket, block, 32));
  const stalled = [];
  for (let i = 0; i < 20; i += 1) stalled.push(await connect());
  const fast = await connect();
  fast.app.end();
  const body = await within('the fast transfer', readAll(fast.app));
  t.is(body.length, 32 * 1024 * 1024);
  t.is(tunnel.openStreams, 20);
  for (const { app } of stalled) t.is(app.readableLength <= 1024 * 1024, true);
});

test('the death of the tunnel, halfway, is a reset for both applications', async (t) => {
  const seen = Promise.withResolvers<string>();
  const { connect, tunnel, outcomes } = await mesh(t, (socket) => {
    void settled(socket).then(seen.resolve);
    socket.write('partial');
  });
  const { app, outcome } = await connect();
  await once(app, 'data');
  const ended = settled(app);
  tunnel.destroy('forced');
  t.is(await within('the reset at the client', ended), 'ECONNRESET');
  t.is(await within('the reset at the server', seen.promise), 'ECONNRESET');
  t.is(await outcome, 'tunnel-lost');
  await within(
    'the end at the other side',
    until(() => outcomes.length > 0),
  );
  t.deepEqual(outcomes, ['tunnel-lost']);
  t.is(await tunnel.closed, 'forced');
});

test('a tunnel that dies before a byte went either way leaves the socket to be tried again', async (t) => {
  const { connect, tunnel } = await mesh(t, () => {});
  const first = await connect();
  tunnel.destroy('forced');
  t.is(await within('the end of the relay', first.outcome), 'untouched');
  t.false(first.app.destroyed);
  first.app.write('still here');
  await new Promise((resolve) => setImmediate(resolve));
  t.false(first.app.destroyed);
});

/** How a connection ended: the error's code, or `end`. */
function settled(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    socket.on('end', () => resolve('end'));
    socket.resume();
  });
}

async function hashOf(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  await readEach(socket, (chunk) => hash.update(chunk));
  return hash.digest('hex');
}

async function send(socket: Socket, block: Buffer, blocks: number): Promise<void> {
  for (let i = 0; i < blocks && !socket.destroyed; i += 1) {
    if (!socket.write(block)) await once(socket, 'drain').catch(() => {});
  }
  socket.end();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
