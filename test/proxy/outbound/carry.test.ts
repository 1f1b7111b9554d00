import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { systemClock } from '../../../common/clock.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { AcceptedSocket } from '../../../proxy/stream/accepted-socket.ts';
import { carry, type CarryRequest } from '../../../proxy/outbound/carry.ts';
import type { Connected } from '../../../proxy/outbound/connector.ts';
import type { EarlyData } from '../../../proxy/tunnel/tunnel.ts';
import { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import { FakeStream } from '../stream/fake-stream.ts';

const api = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });

/** A connection of an application, both ends. */
async function connection(t: ExecutionContext) {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const application = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => application.destroy());
  const [[socket]] = (await Promise.all([
    once(server, 'connection'),
    once(application, 'connect'),
  ])) as [[net.Socket], unknown];
  const { promise: ended, resolve } = Promise.withResolvers<string | undefined>();
  let error: NodeJS.ErrnoException | undefined;
  application.on('error', (thrown) => (error = thrown));
  application.resume().on('close', () => resolve(error?.code));
  return { socket, application, ended };
}

function carrier(connect: CarryRequest['connect']) {
  const registry = new Registry();
  const { logger, of } = createLogRecorder();
  const metrics = createProxyMetrics(registry);
  const dependencies = { clock: systemClock, logger, metrics, mayLog: () => true };
  return {
    carry: (socket: net.Socket) =>
      carry(new AcceptedSocket(socket), { peer: api.uri, port: 80, connect }, dependencies),
    failures: () => of('connection-failed').map((line) => line['reason']),
    metrics: async () => parseMetrics(await registry.metrics()),
  };
}

/** A stream that is lost before a byte, or ends in order. */
function stream(end: 'lost' | 'ended'): Connected {
  const endpoint = {
    instanceId: 'api-1',
    spiffeId: api,
    addresses: ['10.0.0.2'],
    proven: [],
    contests: [],
    hbonePort: 15_008,
    ports: [8080],
    anyPort: false,
  } as const;
  const onStart = (one: FakeStream): void => (end === 'lost' ? one.closeAs(end) : one.finish());
  return { endpoint, authority: '10.0.0.2:8080', stream: new FakeStream(onStart) };
}

test('a connection whose tunnel dies before a byte is carried by the next', async (t) => {
  const { socket, ended } = await connection(t);
  const ends: ('lost' | 'ended')[] = ['lost', 'lost', 'ended'];
  const carrying = carrier(() => Promise.resolve(stream(ends.shift() ?? 'lost')));
  await carrying.carry(socket);
  await ended;
  t.deepEqual(ends, []);
  t.is(
    (await carrying.metrics()).sum('hauberk_connections_closed_total', { reason: 'complete' }),
    1,
  );
});

test('tunnels that die one after another end in a reset', async (t) => {
  const { socket, ended } = await connection(t);
  let tries = 0;
  await carrier(() => {
    tries += 1;
    return Promise.resolve(stream('lost'));
  }).carry(socket);
  t.is(await ended, 'ECONNRESET');
  t.is(tries, 4);
});

test('a connection that nobody takes is reset, counted and logged with the reason', async (t) => {
  const { socket, ended } = await connection(t);
  const carrying = carrier(() =>
    Promise.reject(new TunnelError('denied', 'the peer does not allow it')),
  );
  await carrying.carry(socket);
  t.is(await ended, 'ECONNRESET');
  t.deepEqual(carrying.failures(), ['denied']);
  t.is((await carrying.metrics()).sum('hauberk_connections_failed_total', { reason: 'denied' }), 1);
});

test('an application that gives up is counted, and no reason to log', async (t) => {
  const { socket, application } = await connection(t);
  const carrying = carrier((signal) => {
    application.resetAndDestroy();
    socket.resume();
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(new TunnelError('aborted', 'given up')));
    return promise;
  });
  await carrying.carry(socket);
  t.deepEqual(carrying.failures(), []);
  t.is(
    (await carrying.metrics()).sum('hauberk_connections_failed_total', { reason: 'aborted' }),
    1,
  );
});

test('patience that ends before any peer has accepted is a timeout, and logged', async (t) => {
  const { socket, ended } = await connection(t);
  const carrying = carrier(() => Promise.reject(new TunnelError('aborted', 'given up')));
  await carrying.carry(socket);
  await ended;
  t.deepEqual(carrying.failures(), ['timeout']);
  t.is(
    (await carrying.metrics()).sum('hauberk_connections_failed_total', { reason: 'timeout' }),
    1,
  );
});

test('what was sent early is not kept for the life of the connection', async (t) => {
  const { socket, application, ended } = await connection(t);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const started = Promise.withResolvers<FakeStream>();
  const early: WeakRef<EarlyData>[] = [];
  const carried = carrier(async (_signal, sent) => {
    const peer = new FakeStream((one) => started.resolve(one));
    early.push(new WeakRef(sent));
    sent.sendOn(peer);
    while (peer.text === '') await nextTurn();
    return { ...stream('ended'), stream: peer };
  }).carry(socket);
  application.write('GET / HTTP/1.1\r\n\r\n');
  const peer = await started.promise;
  // What a turn of the event loop has dereferenced lives until its end.
  await nextTurn();
  collectGarbage();
  t.is(early.length, 1);
  t.is(early[0]?.deref(), undefined);
  peer.finish();
  application.end();
  await carried;
  t.is(await ended, undefined);
});
