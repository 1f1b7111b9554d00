/**
 * The gRPC port between people who mean it no good: each connection is dropped, counted by its
 * reason, and an operator beside them is served.
 */
import { type EventEmitter, once } from 'node:events';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { createGuard } from '../../../common/guard.ts';
import { openGrpcListener } from '../../../control-plane/api/grpc-listener.ts';
import { createControlPlaneMetrics } from '../../../control-plane/metrics.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { hboneOptionsOf } from '../../helpers/clients/peer-credentials.ts';
import { createTestAuthority, type TestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity } from '../../helpers/mesh/test-control-plane.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
} from '../control-plane-under-test.ts';

const HANDSHAKE_DEADLINE_MS = 5_000;

/** Unlike `once`, it does not mind the error that comes before. */
const closed = (connection: EventEmitter): Promise<void> =>
  new Promise((resolve) => void connection.once('close', () => resolve()));

function tcp(cp: ControlPlaneUnderTest): Socket {
  const socket = connectTcp(cp.controlPlane.grpcPort, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  return socket;
}

function tls(cp: ControlPlaneUnderTest, options: ConnectionOptions): TLSSocket {
  const socket = connectTls({
    host: '127.0.0.1',
    port: cp.controlPlane.grpcPort,
    rejectUnauthorized: false,
    ...options,
  });
  socket.on('error', () => undefined).resume();
  return socket;
}

async function refusedFor(cp: ControlPlaneUnderTest, reason: string, count = 1): Promise<void> {
  const line = `hauberk_grpc_handshakes_refused_total{reason="${reason}"} ${count}`;
  await eventually(line, async () => (await cp.metric(line)) || undefined);
}

test('what is not TLS 1.3 with HTTP/2 is dropped at once', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const plain = tcp(cp);
  plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await within('plain HTTP is dropped', closed(plain));
  const garbage = tcp(cp);
  garbage.write(Buffer.alloc(4096, 0xa5));
  await within('garbage is dropped', closed(garbage));
  await refusedFor(cp, 'not-tls', 2);

  await within('TLS 1.2 is dropped', closed(tls(cp, { maxVersion: 'TLSv1.2' })));
  await refusedFor(cp, 'tls-version');
  await within('HTTP/1 is dropped', closed(tls(cp, { ALPNProtocols: ['http/1.1'] })));
  await within('no protocol is dropped', closed(tls(cp, {})));
  await refusedFor(cp, 'no-common-protocol', 2);
  t.deepEqual(await cp.admin.listWorkloads(), []);
});

test('a thousand connections that send nothing, and one that drips, are dropped', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const silent = Array.from({ length: 1000 }, () => tcp(cp));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  const dripping = tcp(cp);
  // The beginning of a ClientHello that never ends.
  dripping.write(Buffer.from('16030102000100', 'hex'));
  const drip = setInterval(() => void dripping.write('x'), HANDSHAKE_DEADLINE_MS / 50);
  t.teardown(() => clearInterval(drip));
  dripping.once('close', () => clearInterval(drip));
  t.deepEqual(await cp.admin.listWorkloads(), [], 'an operator is served meanwhile');
  // Those that have said nothing wait by the clock of the test, TLS by the real one.
  await eventually('the silent ones are dropped', async () => {
    await cp.clock.advance(HANDSHAKE_DEADLINE_MS);
    return silent.every((socket) => socket.closed) || undefined;
  });
  await within(
    'the dripping one is dropped',
    dripping.closed ? Promise.resolve() : closed(dripping),
  );
  await refusedFor(cp, 'timeout', 1001);
  t.true(cp.log.of('handshake-refused').length < 200, 'the log is not filled');
});

function http2(cp: ControlPlaneUnderTest): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${cp.controlPlane.grpcPort}`, {
    rejectUnauthorized: false,
    maxSendHeaderBlockLength: 4 * 1024 * 1024,
  });
  return session.on('error', () => undefined);
}

const issueHeaders = {
  ':method': 'POST',
  ':path': '/hauberk.v1.Identity/Issue',
  'content-type': 'application/grpc',
};

test('streams that are reset all the time end their connection', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const session = http2(cp);
  await once(session, 'connect');
  const ended = closed(session);
  for (let count = 0; count < 20_000 && !session.destroyed; count += 1) {
    session
      .request(issueHeaders)
      .on('error', () => undefined)
      .close(constants.NGHTTP2_CANCEL);
    if (count % 25 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await within('the connection ends', ended);
  t.deepEqual(await cp.admin.listWorkloads(), []);
});

test('a flood of headers, and a request that is too large, are refused', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const session = http2(cp);
  t.teardown(() => session.destroy());
  const flood = Object.fromEntries(
    Array.from({ length: 2000 }, (_, at) => [`x-${at}`, 'y'.repeat(500)]),
  );
  const stream = session.request({ ...issueHeaders, ...flood });
  const refusal = new Promise((resolve) => {
    stream.on('error', resolve).on('close', resolve);
  });
  await within('the stream is refused', refusal);
  t.not(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  await t.throwsAsync(cp.issue({ csr: Buffer.alloc(400_000) }), { message: /400/ });
  t.deepEqual(await cp.admin.listWorkloads(), []);
});

/** The listener alone, with so many places. */
async function open(t: ExecutionContext, authority: TestAuthority, maxConnections: number) {
  const [clock, { logger }] = [createManualClock(), createLogRecorder()];
  const metrics = createControlPlaneMetrics(new Registry());
  const listener = await openGrpcListener({
    host: '127.0.0.1',
    port: 0,
    identity: serverIdentity(authority),
    register: () => {},
    clock,
    logger,
    guard: createGuard({ clock, logger }),
    metrics,
    maxConnections,
  });
  t.teardown(() => listener.close());
  const refused = async (reason: string): Promise<number> => {
    const { values } = await metrics.handshakesRefused.get();
    return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
  };
  const connect = async (
    options: ConnectionOptions,
    localAddress = '127.0.0.1',
  ): Promise<TLSSocket> => {
    const to = { host: '127.0.0.1', port: listener.port, localAddress };
    const socket = connectTls({ ...options, ...to });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined).resume();
    await within('a handshake', once(socket, 'secureConnect'));
    return socket;
  };
  return { listener, refused, connect };
}

test('an address without a certificate has its part of the connections, and an identity has its own', async (t) => {
  const authority = createTestAuthority();
  const { listener, refused, connect } = await open(t, authority, 20);
  const stranger = hboneOptionsOf(undefined);
  for (let at = 0; at < 20; at += 1) await connect(stranger, '127.0.0.2');
  await eventually('the rest is refused', async () =>
    (await refused('peer-limit')) === 14 ? true : undefined,
  );
  t.is(listener.connections, 6);
  // At the same address, with a certificate; and without one from elsewhere.
  const web = hboneOptionsOf(authority.workload('shop', 'web'));
  await connect(web, '127.0.0.2');
  const other = await connect(stranger, '127.0.0.3');
  await eventually('both are in', () => (listener.connections === 8 ? true : undefined));
  t.false(other.destroyed);
  other.destroy();
  await eventually('its place is free again', () =>
    listener.connections === 7 ? true : undefined,
  );
});

test('a client that resets streams all the time is ended, and one that resets some is not', async (t) => {
  const { connect } = await open(t, createTestAuthority(), 20);
  const socket = await connect(hboneOptionsOf(undefined));
  const session = connectHttp2('https://control-plane', { createConnection: () => socket });
  session.on('error', () => undefined);
  const ended = closed(session);
  const reset = async (): Promise<void> => {
    if (session.destroyed) return;
    const stream = session.request({ ':method': 'POST', ':path': '/x' }, { endStream: false });
    stream.on('error', () => undefined);
    const gone = closed(stream);
    stream.close(constants.NGHTTP2_CANCEL);
    await gone;
  };
  for (let at = 0; at < 50; at += 1) await reset();
  t.false(session.destroyed);
  for (let at = 0; at < 300; at += 1) await reset();
  await within('the connection ends', ended);
});
