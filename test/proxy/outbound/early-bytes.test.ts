// What an application sends at once goes along with the CONNECT. The callee is plain node:http2, which hands over what it
// has received before it has answered.
import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import type { CancelSignal } from '../../../common/cancellation.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { carry } from '../../../proxy/outbound/carry.ts';
import { AcceptedSocket } from '../../../proxy/stream/accepted-socket.ts';
import { connectToService, dialTarget } from '../../../proxy/outbound/connector.ts';
import { EarlyBytes, EarlyReaders } from '../../../proxy/outbound/early-bytes.ts';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import type { EarlyData } from '../../../proxy/tunnel/tunnel.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { FakeStream } from '../stream/fake-stream.ts';
import { createEngine, createIdentity, readAll, socketPair } from '../tunnel/harness.ts';

const API = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
/** A clock that stands still does not wait for an answer. */
const NO_TIMEOUTS = { pingIntervalMs: 1e9, handshakeTimeoutMs: 1e9 };

/** A stream as a callee has it. */
type Serve = (stream: ServerHttp2Stream) => void;

/** A caller, and as many endpoints as are wanted, whose streams the test serves in the order in which they come. */
async function mesh(t: ExecutionContext, count: number) {
  const authority = createTestAuthority();
  const clock = createManualClock(Date.now());
  const accept: Serve = (stream) => stream.respond({ ':status': 200 });
  const serving: Serve[] = [];
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const api = authority.workload('shop', 'api');
    const server = createSecureServer({
      key: api.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: toPem(api.chain),
      ca: authority.root.certificate.toString(),
      requestCert: true,
    });
    server.on('connect', () => {});
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      (serving.shift() ?? accept)(stream);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    ports.push((server.address() as AddressInfo).port);
  }
  const { dial, guard, identity, logger } = createEngine(t, createIdentity(authority, 'web'), {
    clock,
    limits: NO_TIMEOUTS,
  });
  const pool = createTunnelPool({ dial, guard, identity, logger, clock });
  t.teardown(() => pool.close());
  const endpoints = ports.map((hbonePort, index): Endpoint => ({
    instanceId: `api-${index}`,
    spiffeId: API,
    addresses: ['127.0.0.1'],
    proven: ['127.0.0.1'],
    contests: [],
    hbonePort,
    ports: [8080],
    anyPort: false,
  }));
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints });
  const health = new EndpointHealth({ clock, random: () => 0 });
  const random = (): number => 0;
  const mayLog = (): boolean => true;
  const connector = { view, pool, health, logger, mayLog, random };
  const log = createLogRecorder();
  const carrying = {
    clock,
    logger: log.logger,
    mayLog,
    metrics: createProxyMetrics(new Registry()),
  };
  /** Each endpoint has accepted a stream a moment ago. */
  const warm = async (): Promise<void> => {
    for (const endpoint of endpoints) {
      const { stream } = await within('a stream', pool.open(dialTarget(endpoint), '127.0.0.1:1'));
      stream.reset();
    }
  };
  /** An application whose connection to `api` is carried. */
  const call = async () => {
    const { app, side } = await socketPair(t);
    const target = { namespace: 'shop', service: 'api', port: 8080 };
    const request = {
      peer: API.uri,
      port: 8080,
      connect: (signal: CancelSignal, early: EarlyData) =>
        connectToService(target, connector, signal, early),
    };
    const ended = carry(new AcceptedSocket(side), request, carrying);
    return { app, ended };
  };
  return { clock, serving, warm, call, failures: () => log.of('connection-failed') };
}

/** What comes in a stream that was not answered yet. */
async function bytesOf(stream: ServerHttp2Stream): Promise<string> {
  const [chunk] = (await within('early bytes', once(stream, 'data'))) as [Buffer];
  return chunk.toString();
}

/** The next stream that comes. */
function nextStream(serving: Serve[]): Promise<ServerHttp2Stream> {
  const { promise, resolve } = Promise.withResolvers<ServerHttp2Stream>();
  serving.push(resolve);
  return within('a stream', promise);
}

test('what the application sends goes along with the CONNECT, once, and its end behind it', async (t) => {
  const { serving, warm, call } = await mesh(t, 1);
  await warm();
  const coming = nextStream(serving);
  const { app, ended } = await call();
  app.end('a question');
  const stream = await coming;
  t.is(await bytesOf(stream), 'a question');
  stream.respond({ ':status': 200 });
  await within('the end of the question', once(stream, 'end'));
  stream.end('an answer');
  t.is((await within('the answer', readAll(app))).toString(), 'an answer');
  await within('the end', ended);
});

test('nothing goes along where the peer has accepted nothing for a second', async (t) => {
  const { clock, serving, warm, call } = await mesh(t, 1);
  await warm();
  await clock.advance(1_000);
  const coming = nextStream(serving);
  const { app } = await call();
  app.write('a question');
  const stream = await coming;
  // What was written before a PING arrives before its answer.
  await within('a round trip', new Promise((resolve) => stream.session?.ping(resolve)));
  t.is(stream.read(), null);
  stream.respond({ ':status': 200 });
  t.is(await bytesOf(stream), 'a question');
  stream.end();
  app.destroy();
});

for (const [refusal, refuse] of [
  ['503', (stream: ServerHttp2Stream) => stream.respond({ ':status': 503 }, { endStream: true })],
  ['400', (stream: ServerHttp2Stream) => stream.respond({ ':status': 400 }, { endStream: true })],
  ['REFUSED_STREAM', (stream: ServerHttp2Stream) => stream.close(7)],
] as const) {
  test(`a peer that refuses with ${refusal} has cost no byte: another stream gets the same`, async (t) => {
    const { serving, warm, call } = await mesh(t, 2);
    await warm();
    const first = nextStream(serving);
    const { app } = await call();
    app.write('a question');
    const refusing = await first;
    t.is(await bytesOf(refusing), 'a question');
    const second = nextStream(serving);
    refuse(refusing);
    const stream = await second;
    stream.respond({ ':status': 200 });
    t.is(await bytesOf(stream), 'a question');
    app.write(', and more');
    t.is(await bytesOf(stream), ', and more');
    stream.end();
    app.destroy();
  });
}

test('what a peer may have served is sent to no other: the application is told', async (t) => {
  const { serving, warm, call, failures } = await mesh(t, 2);
  await warm();
  const coming = nextStream(serving);
  const { app, ended } = await call();
  const broken = once(app, 'error') as Promise<[NodeJS.ErrnoException]>;
  app.write('a payment');
  const stream = await coming;
  t.is(await bytesOf(stream), 'a payment');
  let others = 0;
  serving.push(() => (others += 1));
  stream.session?.destroy();
  t.is((await within('the reset', broken))[0].code, 'ECONNRESET');
  await within('the end', ended);
  t.is(others, 0);
  t.deepEqual(
    failures().map(({ reason }) => reason),
    ['tunnel-lost'],
  );
});

test('a tunnel that is lost before the application has sent a byte costs nothing', async (t) => {
  const { serving, warm, call } = await mesh(t, 2);
  await warm();
  const first = nextStream(serving);
  const { app } = await call();
  const lost = await first;
  const second = nextStream(serving);
  lost.session?.destroy();
  const stream = await second;
  app.write('a question');
  stream.respond({ ':status': 200 });
  t.is(await bytesOf(stream), 'a question');
  stream.end();
  app.destroy();
});

test('an application that breaks off gives up the stream', async (t) => {
  const { serving, warm, call } = await mesh(t, 1);
  await warm();
  const coming = nextStream(serving);
  const { app, ended } = await call();
  app.write('a question');
  const stream = await coming;
  t.is(await bytesOf(stream), 'a question');
  app.resetAndDestroy();
  await within('the end of the stream', once(stream, 'close'));
  t.is(stream.rstCode, 8);
  await within('the end', ended);
});

test('no more is read than a copy is kept of, and not before all that read may be held', (t) => {
  const readers = new EarlyReaders(1);
  const app = new FakeStream();
  const peer = new FakeStream();
  const bytes = new EarlyBytes(app, readers);
  bytes.sendOn(peer);
  t.true(app.data('a'.repeat(16 * 1024 - 1)));
  t.false(app.data('b'));
  t.is(peer.text.length, 16 * 1024);

  const other = new FakeStream();
  const waiting = new EarlyBytes(other, readers);
  waiting.sendOn(peer);
  t.deepEqual(other.calls, [], 'a second one is not read');
  t.is(waiting.accepted(peer), undefined);

  const sent = bytes.accepted(peer);
  t.is(sent?.bytes.length, 16 * 1024);
  t.is(peer.text.length, 16 * 1024, 'nothing is sent again');
  t.true(readers.take(), 'the place is free');
});

test('a peer that takes no more stops the application too', (t) => {
  const app = new FakeStream();
  const peer = new FakeStream();
  peer.takes = false;
  const bytes = new EarlyBytes(app, new EarlyReaders(1));
  bytes.sendOn(peer);
  t.false(app.data('a'));
});

test('what no peer was asked with is sent to the one that accepts', (t) => {
  const app = new FakeStream();
  const readers = new EarlyReaders(1);
  const bytes = new EarlyBytes(app, readers);
  bytes.sendOn(new FakeStream());
  app.data('a question');
  bytes.refused(new TunnelError('app-unreachable', 'it did not accept'));
  t.false(bytes.isSpent);
  const peer = new FakeStream();
  t.is(bytes.accepted(peer)?.bytes.toString(), 'a question');
  t.is(peer.text, 'a question');

  const spent = new EarlyBytes(app, readers);
  spent.sendOn(new FakeStream());
  app.data('a question');
  spent.refused(new TunnelError('tunnel-lost', 'it ended'));
  t.true(spent.isSpent);
  spent.close();
  t.true(readers.take(), 'both places are free');
});
