// node:http2 (nghttp2) as the other end, both ways round and with settings out of the ordinary.
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type {
  ClientHttp2Session,
  ServerHttp2Session,
  ServerHttp2Stream,
  Settings,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectTcp } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { Http2Connection } from '../../../proxy/http2/connection.ts';
import { DEFAULT_CONNECTION_LIMITS } from '../../../proxy/http2/connection-limits.ts';
import { readStatus } from '../../../proxy/http2/connect-requests.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { KeepingReceiver, recordingHandler, SERVER_LIMITS } from './harness.ts';
import { transportPair } from './memory-transport.ts';

/** Settings that a peer may have, and that change what we may send. */
const SETTINGS: Readonly<Record<string, Settings>> = {
  'the defaults': {},
  'no header table': { headerTableSize: 0 },
  'a small window': { initialWindowSize: 100 },
  'large frames': { maxFrameSize: 2 ** 24 - 1, initialWindowSize: 2 ** 20 },
};

const BODY = Buffer.alloc(300_000, 'hauberk ');

function budget(): MemoryBudget {
  return new MemoryBudget(64 * 1024 * 1024);
}

/** Our server, which echoes; and a client of node:http2. */
function ourServer(t: ExecutionContext, settings: Settings): ClientHttp2Session {
  const [own, foreign] = transportPair();
  const { handler } = recordingHandler((stream) => {
    server.respond(stream, 200, false);
    stream.attach({
      data(chunk) {
        stream.write(chunk);
        stream.consumed(chunk.length);
        return true;
      },
      end: () => stream.end(),
      written() {},
      spare() {},
      closed() {},
    });
    stream.start();
  });
  const limits = SERVER_LIMITS;
  const common = { handler, limits, budget: budget(), clock: systemClock };
  const server = new Http2Connection({
    ...common,
    role: 'server',
    transport: new SocketTransport(own),
  });
  const session = connect('http://mesh', { createConnection: () => foreign, settings });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

for (const [what, settings] of Object.entries(SETTINGS)) {
  test(`a client of node:http2 with ${what}`, async (t) => {
    const session = ourServer(t, settings);
    await within('our SETTINGS', once(session, 'remoteSettings'));
    for (let round = 0; round < 3; round += 1) {
      const head = { ':method': 'CONNECT', ':authority': `10.0.0.${round}:80` };
      const stream = session.request(head, { endStream: false });
      const [headers] = (await within('the answer', once(stream, 'response'))) as [object];
      t.like(headers, { ':status': 200 });
      stream.end(BODY);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      await within('the end', once(stream, 'end'));
      t.true(Buffer.concat(chunks).equals(BODY));
    }
    t.false(session.destroyed);
  });

  test(`a server of node:http2 with ${what}`, async (t) => {
    const foreign = createServer({ settings });
    const errors: Error[] = [];
    foreign.on('session', (session: ServerHttp2Session) => {
      session.on('error', (error) => errors.push(error));
    });
    // Without it node:http2 answers CONNECT with 405 itself.
    foreign.on('connect', () => {});
    foreign.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', (error: Error) => errors.push(error));
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    foreign.listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    t.teardown(() => foreign.close());
    const transport = connectTcp((foreign.address() as AddressInfo).port, '127.0.0.1');
    t.teardown(() => transport.destroy());
    const { handler, heard } = recordingHandler();
    const common = { handler, limits: DEFAULT_CONNECTION_LIMITS, budget: budget() };
    const client = new Http2Connection({
      ...common,
      role: 'client',
      transport: new SocketTransport(transport),
      clock: systemClock,
    });
    // So that the settings are known, and acknowledged, before the first block of header fields.
    await eventually('its SETTINGS', () => heard.accepted === 1 || undefined);
    for (let round = 0; round < 3; round += 1) {
      const statuses: (number | undefined)[] = [];
      const stream = client.connect('10.0.0.1:80', {
        headers: (fields) => statuses.push(readStatus(fields)) > 0,
        ended() {},
      });
      if (stream === undefined) return t.fail('the connection is closed');
      await eventually('the answer', () => statuses.length === 1 || undefined);
      t.deepEqual(statuses, [200]);
      const receiver = new KeepingReceiver(stream);
      stream.write(BODY);
      stream.end();
      await eventually('the end', () => receiver.ends.length === 1 || undefined);
      t.true(Buffer.concat(receiver.chunks).equals(BODY));
      t.deepEqual(receiver.ends, ['ended']);
    }
    t.deepEqual(errors, []);
    client.destroy();
  });
}
