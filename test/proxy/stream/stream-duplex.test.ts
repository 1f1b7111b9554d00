// A stream as node:http and node:http2 use it: no socket is made, and what was cut short is never complete.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { StreamDuplex } from '../../../proxy/stream/stream-duplex.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { newCounters } from '../tunnel/harness.ts';
import { FakeStream } from './fake-stream.ts';
import { Listener, tunnelled } from './stream-pairs.ts';

function viewOf(stream: ConstructorParameters<typeof StreamDuplex>[0], clock = systemClock) {
  const { logger } = createLogRecorder();
  const guard = createGuard({ clock, logger });
  const counters = newCounters();
  const outcomes: string[] = [];
  const onClosed = (outcome: string): void => void outcomes.push(outcome);
  const view = new StreamDuplex(stream, { clock, guard, counters, onClosed });
  return { view, outcomes, counters, guard };
}

/** A view of one end of a stream through a tunnel, and what the other end hears. */
async function throughTunnel(t: ExecutionContext) {
  const { one, other, lose } = await tunnelled(t);
  return { ...viewOf(one), peer: new Listener(other), other, lose };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const waiting = async (): Promise<void> => {
    while (!condition()) await nextTurn();
  };
  await within(what, waiting());
}

test('each half ends by itself, and all is counted', async (t) => {
  const { view, peer, other, outcomes, counters } = await throughTunnel(t);
  view.end('question');
  await until('the end', () => peer.ends === 1);
  t.is(peer.text, 'question');
  other.write(Buffer.from('answer'));
  other.end();
  t.is((await view.setEncoding('utf8').toArray()).join(''), 'answer');
  t.deepEqual(outcomes, ['complete']);
  t.deepEqual(counters, { bytesFromApp: 8, bytesToApp: 6 });
});

test('the peer may end first', async (t) => {
  const { view, peer, other, outcomes } = await throughTunnel(t);
  other.end();
  view.resume();
  await within('the end', once(view, 'end'));
  view.end('more');
  await until('the rest', () => peer.closes.length > 0);
  t.is(peer.text, 'more');
  t.deepEqual(outcomes, ['complete']);
});

for (const how of ['reset', 'lost'] as const) {
  test(`what is ${how} is an error and no end, also where bytes wait to be read`, async (t) => {
    const { view, other, lose, outcomes } = await throughTunnel(t);
    other.write(Buffer.from('half of an ans'));
    await until('the bytes', () => view.readableLength > 0);
    view.on('end', () => t.fail('it ended'));
    const failing = once(view, 'error');
    if (how === 'reset') other.reset();
    else lose();
    const [error] = (await within('the error', failing)) as [NodeJS.ErrnoException];
    t.is(error.code, 'ECONNRESET');
    await until('the close', () => view.closed);
    t.deepEqual(outcomes, [how === 'reset' ? 'peer-reset' : 'tunnel-lost']);
  });
}

test('destroyed by an error, or with bytes unread, it is reset; at rest it is closed', async (t) => {
  const broken = await throughTunnel(t);
  broken.view.destroy(new Error('the client has gone'));
  await until('the reset', () => broken.peer.closes.length > 0);
  t.deepEqual([broken.peer.closes, broken.peer.ends], [['reset'], 0]);
  t.deepEqual(broken.outcomes, ['app-reset']);
  const unread = await throughTunnel(t);
  unread.other.write(Buffer.from('answer'));
  await until('the bytes', () => unread.view.readableLength > 0);
  unread.view.destroy();
  await until('the reset', () => unread.peer.closes.length > 0);
  t.deepEqual([unread.peer.closes, unread.peer.ends], [['reset'], 0]);
  const atRest = await throughTunnel(t);
  atRest.view.write('all');
  await until('the bytes', () => atRest.peer.bytes === 3);
  atRest.view.destroy();
  await until('the close', () => atRest.peer.closes.length > 0);
  t.deepEqual([atRest.peer.closes, atRest.peer.ends], [['unread'], 1]);
  t.deepEqual(atRest.outcomes, ['complete']);
});

test('a program that does not read stops the peer, and a peer that does not read stops the program', async (t) => {
  const { view, peer, other } = await throughTunnel(t);
  let sentBytes = 0;
  for (let turn = 0; turn < 50; turn += 1) {
    if (peer.writtenBytes === sentBytes) {
      for (let goesOn = true; goesOn; sentBytes += 16 * 1024) {
        goesOn = other.write(Buffer.alloc(16 * 1024));
      }
    }
    await nextTurn();
  }
  t.true(peer.writtenBytes < sentBytes);
  t.true(sentBytes < 4 * 1024 * 1024);
  t.true(view.readableLength < sentBytes);
  let readBytes = 0;
  view.on('data', (chunk: Buffer) => (readBytes += chunk.length));
  await until('the rest', () => readBytes === sentBytes);

  peer.isStalled = true;
  let writtenBytes = 0;
  for (let goesOn = true; goesOn;) {
    goesOn = view.write(Buffer.alloc(16 * 1024));
    writtenBytes += 16 * 1024;
    await nextTurn();
  }
  t.true(writtenBytes < 4 * 1024 * 1024);
  const drained = once(view, 'drain');
  peer.take();
  await within('the drain', drained);
  await until('the rest', () => peer.bytes === writtenBytes);
});

test('a peer that reads no more has said everything, and what is still written harms nothing', async (t) => {
  const { view, other, outcomes } = await throughTunnel(t);
  other.write(Buffer.from('the whole answer'));
  other.close();
  await until('the close', () => outcomes.length > 0);
  view.write('more of the question');
  t.is((await view.setEncoding('utf8').toArray()).join(''), 'the whole answer');
  t.deepEqual(outcomes, ['complete']);
});

test('a listener that throws ends its own connection, and not the tunnel', async (t) => {
  const stream = new FakeStream();
  const { view, guard } = viewOf(stream);
  view.on('data', () => {
    throw new Error('a mistake of the program');
  });
  await nextTurn();
  t.notThrows(() => stream.data('x'));
  await until('the close', () => view.closed);
  t.is(guard.counts().get('relay'), 1);
  t.is(stream.calls.at(-1), 'reset');
});

test('it is idle when nothing has moved for the time, again and again', async (t) => {
  const clock = createManualClock();
  const stream = new FakeStream();
  const { view } = viewOf(stream, clock);
  let timeouts = 0;
  view.on('timeout', () => (timeouts += 1));
  view.setTimeout(1000);
  await clock.advance(900);
  view.write('x');
  await clock.advance(900);
  t.is(timeouts, 0);
  await clock.advance(100);
  t.is(timeouts, 1);
  stream.data('x');
  await clock.advance(1000);
  t.is(timeouts, 2);
  view.setTimeout(0);
  await clock.advance(5000);
  t.is(timeouts, 2);
  view.destroy();
});

/** Sockets and listeners of this process. */
function sockets(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Pipe/.test(name));
}

class OneConnection extends http.Agent {
  readonly #view: StreamDuplex;

  constructor(view: StreamDuplex) {
    super({ keepAlive: true, timeout: 15_000 });
    this.#view = view;
  }

  override createConnection(): StreamDuplex {
    return this.#view;
  }
}

test('node:http asks through it again and again, and no socket is made for it', async (t) => {
  const before = sockets();
  const { view, peer, other } = await throughTunnel(t);
  const agent = new OneConnection(view);
  for (let round = 1; round <= 3; round += 1) {
    const request = http.get({ agent, host: 'api', path: `/${round}` });
    await until('the request', () => peer.text.includes(`GET /${round} `));
    other.write(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'));
    const [response] = (await within('the answer', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    t.is((await response.setEncoding('utf8').toArray()).join(''), 'hello');
    t.is(request.reusedSocket, round > 1);
    await nextTurn();
  }
  t.deepEqual(sockets(), before);
  agent.destroy();
  await until('the close', () => peer.closes.length > 0);
  t.deepEqual(peer.closes, ['unread']);
});

test('an answer of HTTP/1 that is cut short is an error', async (t) => {
  for (const head of ['Content-Length: 100\r\n', 'Transfer-Encoding: chunked\r\n']) {
    const { view, peer, other } = await throughTunnel(t);
    const agent = new OneConnection(view);
    const request = http.get({ agent, host: 'api', path: '/' }).on('error', () => {});
    await until('the request', () => peer.bytes > 0);
    other.write(Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n2\r\nhe\r\n`));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const reading = response.toArray();
    await nextTurn();
    other.reset();
    await t.throwsAsync(within('the error', reading), { code: 'ECONNRESET' }, head);
  }
});

test('node:http2 asks through it, and hears of a reset as an error', async (t) => {
  const before = sockets();
  const { one, other } = await tunnelled(t);
  const client = viewOf(one).view;
  const service = viewOf(other);
  const server = http2.createServer((request, response) => {
    if (request.url === '/whole') response.end('hello');
    else response.write('half of an ans');
  });
  server.emit('connection', service.view);
  const session = http2.connect('http://api', { createConnection: () => client });
  session.on('error', () => {});
  const whole = session.request({ ':path': '/whole' });
  t.is((await whole.setEncoding('utf8').toArray()).join(''), 'hello');
  const cut = session.request({ ':path': '/cut' });
  await within('the first half', once(cut, 'data'));
  const failing = t.throwsAsync(cut.toArray());
  service.view.destroy(new Error('it breaks'));
  await within('the error', failing);
  t.deepEqual(sockets(), before);
});
