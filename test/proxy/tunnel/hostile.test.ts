import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { ListenLimits, TunnelLimits } from '../../../proxy/tunnel/tunnel-limits.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { answerOf, closed, connectForeign, foreignSession, tlsOptions } from './foreign-peer.ts';
import { createEngine, createIdentity, sample, serveApp, startApp, targetOf } from './harness.ts';

/** api's sidecar in front of an app that greets, a well-behaved peer's tunnel to it, and a bad one. */
async function besieged(t: ExecutionContext, limits: Partial<TunnelLimits & ListenLimits> = {}) {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  // Attackers and attacked share one process here, and the machine may be busy.
  const patient = { limits: { handshakeTimeoutMs: 30_000 } };
  const web = createEngine(t, createIdentity(authority, 'web'), patient);
  const app = await startApp(t, (socket) => socket.end('hello'));
  const listener = await api.listen(serveApp(app.port), limits);
  const tunnel = await web.dial(targetOf(listener, api.identity));
  t.teardown(() => tunnel.destroy('forced'));
  const mallory = tlsOptions(authority, authority.workload('shop', 'mallory'));
  /** Nobody else notices: the tunnel that was there still works. */
  const unharmed = async (): Promise<void> => {
    const stream = await within('an answer for the good peer', tunnel.open('127.0.0.1:80'));
    stream.reset();
    t.true(tunnel.accepting);
  };
  const refused = (reason: string): Promise<number> =>
    sample(api.registry, 'hauberk_handshakes_refused_total', { direction: 'inbound', reason });
  return { api, web, listener, mallory, unharmed, refused, authority };
}

function gone(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.resume().once('close', () => resolve()));
}

test('garbage on the port is refused as such', async (t) => {
  const { listener, refused, unharmed } = await besieged(t);
  const shapes = [randomBytes(4096), 'GET / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'];
  for (const garbage of shapes) {
    const socket = connect(listener.port, '127.0.0.1');
    const ended = gone(socket);
    socket.write(garbage);
    await within('the end of the connection', ended);
  }
  t.is(await refused('tls-error'), shapes.length);
  await unharmed();
});

test.serial('2,000 connections that say nothing are dropped, and keep nobody out', async (t) => {
  const limits = { handshakeTimeoutMs: 3_000, maxPendingHandshakes: 200 };
  const { listener, refused, unharmed, web, api } = await besieged(t, limits);
  const ends: Promise<void>[] = [];
  for (let i = 0; i < 2_000; i += 1) {
    const socket = connect(listener.port, '127.0.0.1');
    ends.push(gone(socket));
    if (i % 200 === 199) await Promise.race([once(socket, 'connect'), ends[i]]);
  }
  const late = await within(
    'a handshake beside the flood',
    web.dial(targetOf(listener, api.identity)),
  );
  late.destroy('forced');
  await within('the end of the silent connections', Promise.all(ends));
  t.is((await refused('timeout')) + (await refused('too-many')), 2_000);
  t.true((await refused('too-many')) > 0);
  t.true((await refused('timeout')) > 0);
  await unharmed();
});

test('what is not a CONNECT to an authority is refused with 400, CONNECT is served beside it', async (t) => {
  const { listener, mallory, unharmed } = await besieged(t);
  const session = await foreignSession(t, listener.port, mallory);
  t.is(await answerOf(session.request({ ':method': 'GET', ':path': '/' })), '400');
  t.is(await answerOf(session.request({ ':method': 'POST', ':path': '/' })), '400');
  t.is(
    await answerOf(session.request({ ':method': 'CONNECT', ':authority': '127.0.0.1:80' })),
    '200',
  );
  await unharmed();
});

test('a flood of headers is cut off', async (t) => {
  const { listener, mallory, unharmed } = await besieged(t);
  const session = await foreignSession(t, listener.port, mallory);
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'v']));
  const large = { 'x-large': 'v'.repeat(32 * 1024) };
  for (const headers of [many, large]) {
    const stream = session.request({
      ':method': 'CONNECT',
      ':authority': '127.0.0.1:80',
      ...headers,
    });
    t.regex(await within('the refusal', answerOf(stream)), /^(reset|431|400)/);
  }
  await unharmed();
});

test('headers that never end, byte by byte on the wire, end the tunnel', async (t) => {
  const { listener, mallory, unharmed } = await besieged(t);
  const socket = connectForeign(t, listener.port, mallory);
  const ended = closed(socket);
  await once(socket, 'secureConnect');
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(4, 0, 0, Buffer.alloc(0)));
  // HEADERS without END_HEADERS, then CONTINUATION for ever (CVE-2024-27316).
  socket.write(frame(1, 0, 1, Buffer.from([0x82])));
  const flood = setInterval(() => {
    for (let i = 0; i < 50; i += 1) socket.write(frame(9, 0, 1, literal('x', 'y'.repeat(1000))));
  }, 5);
  t.teardown(() => clearInterval(flood));
  await within('the end of the tunnel', ended);
  await unharmed();
});

test('rapid resets end the tunnel of the peer who sends them, and only that', async (t) => {
  const { listener, mallory, unharmed, api } = await besieged(t);
  const session = await foreignSession(t, listener.port, mallory);
  await within('the SETTINGS of the listener', once(session, 'remoteSettings'));
  const ended = new Promise<void>((resolve) => session.once('close', () => resolve()));
  const flood = setInterval(() => {
    for (let i = 0; i < 100 && !session.destroyed && !session.closed; i += 1) {
      const stream = session.request({ ':method': 'CONNECT', ':authority': '127.0.0.1:80' });
      stream.on('error', () => {});
      stream.close(8);
    }
  }, 1);
  t.teardown(() => clearInterval(flood));
  await within('the end of the tunnel', ended);
  await unharmed();
  const lines = api.lines.filter(({ event }) => event === 'rapid-reset');
  t.is(lines.length, 1);
  const labels = { direction: 'inbound', reason: 'protocol-error' };
  t.is(await sample(api.registry, 'hauberk_tunnels_closed_total', labels), 1);
});

test('applications that give up 2,000 answered connections in a burst cost nobody the tunnel', async (t) => {
  const { listener, web, api } = await besieged(t);
  const tunnel = await web.dial(targetOf(listener, api.identity));
  t.teardown(() => tunnel.destroy('forced'));
  for (let round = 0; round < 20; round += 1) {
    const opened = Array.from({ length: 100 }, () => tunnel.open('127.0.0.1:80'));
    const streams = await within('the answers', Promise.all(opened));
    for (const stream of streams) stream.reset();
    await eventually('the end of the streams', () => tunnel.openStreams === 0 || undefined);
  }
  t.true(tunnel.accepting);
});

test('one peer may have so many tunnels, another still gets in', async (t) => {
  const { listener, mallory, refused, authority } = await besieged(t, { maxTunnelsPerPeer: 2 });
  for (let i = 0; i < 2; i += 1) {
    const session = await foreignSession(t, listener.port, mallory);
    await within('the SETTINGS', once(session, 'remoteSettings'));
  }
  await within('the refusal', closed(connectForeign(t, listener.port, mallory)));
  t.is(await refused('too-many'), 1);
  const other = tlsOptions(authority, authority.workload('shop', 'other'));
  const session = await foreignSession(t, listener.port, other);
  await within('the SETTINGS for another peer', once(session, 'remoteSettings'));
  t.is(listener.openTunnels, 4);
});

test('one identity has its share of the tunnels, from however many addresses it comes', async (t) => {
  const { listener, mallory, refused, authority, api } = await besieged(t, { maxTunnels: 30 });
  const most = 10;
  for (let i = 0; i < most; i += 1) {
    const from = { ...mallory, localAddress: `127.0.0.${2 + (i % 5)}` };
    const session = await foreignSession(t, listener.port, from);
    await within('the SETTINGS', once(session, 'remoteSettings'));
  }
  const another = { ...mallory, localAddress: '127.0.0.9' };
  await within('the refusal', closed(connectForeign(t, listener.port, another)));
  t.is(await refused('peer-limit'), 1);
  const line = api.lines.find(({ reason }) => reason === 'peer-limit');
  t.regex(String(line?.['msg']), /mallory has its share of the tunnels, which is 10$/);
  const other = tlsOptions(authority, authority.workload('shop', 'other'));
  const session = await foreignSession(t, listener.port, other);
  await within('the SETTINGS for another identity', once(session, 'remoteSettings'));
});

test('one identity opens so many tunnels a second, and no more', async (t) => {
  const { listener, mallory, refused, unharmed } = await besieged(t, { maxTunnels: 20 });
  for (let i = 0; i < 10; i += 1) {
    const session = await foreignSession(t, listener.port, mallory);
    await within('the SETTINGS', once(session, 'remoteSettings'));
    session.destroy();
  }
  await eventually('too many a second', async () => {
    const ended = closed(connectForeign(t, listener.port, mallory));
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 200))]);
    return (await refused('peer-rate')) > 0 || undefined;
  });
  await unharmed();
});

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field without indexing (RFC 7541 section 6.2.2), with a value below 16 KiB. */
function literal(name: string, value: string): Buffer {
  const rest = value.length - 127;
  const length = [127, (rest & 127) | 128, rest >> 7];
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from(length),
    Buffer.from(value),
  ]);
}
