// What OpenSSL takes without end ends its connection while it is read; what carries data never does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { createGuard, guardedClock } from '../../../common/guard.ts';
import { systemClock } from '../../../common/clock.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { RecordWatch } from '../../../common/tls/record-watch.ts';
import { sealRecord } from '../../../common/tls/sealed-record.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { buildFlood } from '../../helpers/clients/tls-flood/flood.ts';

const compiled = requires('cc', 'stdlib.h', 'openssl/ssl.h');
const openssl = requires('openssl');

const SECONDS = 10;

/** What is under way when the limit is reached, and what one read takes; a turn without a limit reads 2 MiB. */
const MOST_READ_BYTES = 128 * 1024;

function ofServer(): SecureContextOptions {
  const { root, ...authority } = createTestAuthority();
  const { privateKey, chain } = authority.workload('shop', 'api');
  return secureContextOptions({ privateKey, chain, roots: [root.certificate] });
}

/** A watched server; `secured` is called with each connection that is through its handshake. */
async function serve(
  t: ExecutionContext,
  records: RecordWatch,
  secured: (socket: TLSSocket, raw: Socket) => void,
): Promise<number> {
  const server = createServer({ ...ofServer(), ALPNProtocols: ['http/1.1'] });
  records.serve(server);
  const tcp = createTcpServer((raw) => {
    t.teardown(() => raw.destroy());
    raw.on('error', () => {});
    server.once('secureConnection', (socket) => {
      socket.on('error', () => {}).once('close', () => raw.destroy());
      secured(socket, raw);
      socket.resume();
    });
    server.emit('connection', raw);
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  t.teardown(() => void tcp.close());
  return (tcp.address() as AddressInfo).port;
}

compiled('KeyUpdates end their connection within one read of it', async (t) => {
  const flood = await buildFlood(t);
  for (const kind of ['update', 'requested', 'hidden'] as const) {
    const told = Promise.withResolvers<number>();
    const records = new RecordWatch(systemClock);
    const port = await serve(t, records, (socket, raw) => {
      records.onFlood(socket, () => {
        told.resolve(raw.bytesRead);
        socket.destroy();
      });
    });
    const { outcome } = await flood({ port, kind, seconds: SECONDS, alpn: 'http/1.1' });
    t.is(await within(`the end of ${kind}`, outcome), 'ended');
    const bytes = await within('the flood is told', told.promise);
    t.true(bytes < MOST_READ_BYTES, `${kind}: ${bytes} bytes were read`);
  }
});

compiled(
  'a connection that nobody has asked about is ended too, and what a listener throws is',
  async (t) => {
    const guard = createGuard({ clock: systemClock, logger: createLogRecorder().logger });
    const records = new RecordWatch(guardedClock(systemClock, guard));
    const flood = await buildFlood(t);
    const options = { kind: 'update', seconds: SECONDS, alpn: 'http/1.1' } as const;
    const port = await serve(t, records, () => {});
    t.is(await (await flood({ ...options, port })).outcome, 'ended');
    const broken = await serve(t, records, (socket, raw) => {
      records.onFlood(socket, () => {
        raw.destroy();
        throw new Error('broken');
      });
    });
    t.is(await (await flood({ ...options, port: broken })).outcome, 'ended');
    t.is(guard.counts().get('timer'), 1);
  },
);

test('tickets end the connection that was dialled for them', async (t) => {
  const server = createServer(ofServer());
  const secret = Promise.withResolvers<Buffer>();
  server.on('keylog', (line) => {
    const [, hex] = /^SERVER_TRAFFIC_SECRET_0 \S+ (\S+)/.exec(line.toString()) ?? [];
    if (hex !== undefined) secret.resolve(Buffer.from(hex, 'hex'));
  });
  // A ticket of one byte (RFC 8446 section 4.6.1), and what OpenSSL has sent before.
  const content = Buffer.from('0400000f000000ff0000000001000001ab0000', 'hex');
  const [before, count] = [2, 2_000];
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    void secret.promise.then((known) => {
      const key = { suite: socket.getCipher().standardName, secret: known };
      const tickets = Array.from({ length: count }, (_, at) =>
        sealRecord(key, { sequence: before + at, contentType: 22, content }),
      );
      setImmediate(() => raw?.write(Buffer.concat(tickets.filter((one) => one !== undefined))));
    });
  });
  let raw: Socket | undefined;
  const tcp = createTcpServer((socket) => {
    raw = socket.on('error', () => {});
    server.emit('connection', socket);
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  t.teardown(() => void tcp.close());
  const { port } = tcp.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => {});
  const records = new RecordWatch(systemClock);
  records.dial(socket);
  let tickets = 0;
  socket.on('session', () => (tickets += 1));
  const told = new Promise<void>((resolve) => {
    records.onFlood(socket, () => {
      resolve();
      socket.destroy();
    });
  });
  socket.resume();
  await within('the flood is told', told);
  t.true(tickets > 256 && tickets < count, `${tickets} tickets were read`);
});

openssl('a peer that pads its records is not ended', async (t) => {
  const records = new RecordWatch(systemClock);
  const [lines, padding] = [400, '16000'];
  let ended = false;
  const received = Promise.withResolvers<void>();
  const port = await serve(t, records, (socket) => {
    let bytes = 0;
    records.onFlood(socket, () => (ended = true));
    socket.on('data', ({ length }: Buffer) => {
      bytes += length;
      if (bytes === 2 * lines) received.resolve();
    });
  });
  const words = ['s_client', '-quiet', '-record_padding', padding, '-connect', `127.0.0.1:${port}`];
  const client = spawn('openssl', words, { stdio: ['pipe', 'ignore', 'ignore'] });
  t.teardown(() => void client.kill('SIGKILL'));
  for (let line = 0; line < lines; line += 1) {
    client.stdin.write('x\n');
    // Each in a record of its own.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await within('all lines', received.promise);
  t.false(ended);
});
