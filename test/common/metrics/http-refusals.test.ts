import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { refuseWhatIsNotHttp } from '../../../common/metrics/http-refusals.ts';
import { createHttpRefusals } from '../../../common/metrics/telemetry-server.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

/** Headers may take a minute, unless the test is about that: on a busy machine nothing is quick. */
async function serve(t: ExecutionContext, { headersTimeout = 60_000, maxConnections = 100 } = {}) {
  const registry = new Registry();
  const log = createLogRecorder();
  const server = createServer({ headersTimeout, connectionsCheckingInterval: 50 });
  server.on('request', (_request, response) => response.end('served'));
  const clock = createManualClock();
  const counter = createHttpRefusals(registry);
  const room = { maxConnections, halfSentAfterMs: 0 };
  const options = { name: 'http', counter, logger: log.logger, clock, ...room };
  refuseWhatIsNotHttp(server, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const refused = async (reason: string): Promise<number> => {
    const { values } = await counter.get();
    return values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
  };
  const say = async (bytes: string): Promise<string> => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write(bytes);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    // Not its end: whoever is refused in the midst of a flood may be reset.
    await within('the connection ends', new Promise((resolve) => socket.once('close', resolve)));
    return answer;
  };
  return { port, refused, say, log };
}

test('what is not HTTP is refused, counted and logged, and a request beside it is served', async (t) => {
  const { refused, say, log } = await serve(t);
  t.is(
    await say('\x16\x03\x01 garbage\r\n\r\n'),
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
  );
  t.is(await refused('not-http'), 1);
  t.like(log.of('http-refused')[0], { reason: 'not-http', listener: 'http', client: '127.0.0.1' });
  t.regex(await say('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'), /served$/);
  t.is(log.of('http-refused').length, 1);
});

test('headers that are too large, or never end, are refused for that reason', async (t) => {
  const { refused, say, log } = await serve(t, { headersTimeout: 200 });
  t.regex(await say(`GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`), /^HTTP\/1\.1 431 /);
  t.is(await refused('headers-too-large'), 1);
  t.regex(await say('GET / HTTP/1.1\r\nhost:'), /^HTTP\/1\.1 408 /);
  t.is(await refused('timeout'), 1);
  t.deepEqual(
    log.of('http-refused').map((line) => line['reason']),
    ['headers-too-large', 'timeout'],
  );
});

test('a flood fills the counter and not the log', async (t) => {
  const { refused, say, log } = await serve(t);
  await Promise.all(Array.from({ length: 120 }, () => say('garbage\r\n\r\n')));
  t.is(await refused('not-http'), 120);
  const { length } = log.of('http-refused');
  // The burst; the flood may take some hundredths of a second.
  t.true(length >= 100 && length < 120, `${length} lines`);
});

test('when there are too many, those that asked nothing go, and one address has its part', async (t) => {
  const { port, refused } = await serve(t, { maxConnections: 20 });
  const open = async (localAddress: string) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const scraper = await open('127.0.0.1');
  const ask = async (): Promise<void> => {
    scraper.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const [answer] = (await within('the scraper is served', once(scraper, 'data'))) as [Buffer];
    t.regex(answer.toString('latin1'), /served$/);
  };
  await ask();
  // Of one address: 5 of the 20, with which it makes room for itself.
  const silent: Socket[] = [];
  for (let at = 0; at < 30; at += 1) silent.push(await open('127.0.0.2'));
  await eventually(
    'its own went',
    () => silent.filter(({ closed }) => closed).length >= 25 || undefined,
  );
  t.is(await refused('displaced'), 25);
  await ask();
  // Of many: what asks nothing goes before what has asked, whoever has it.
  for (let at = 3; at < 12; at += 1) {
    for (let each = 0; each < 4; each += 1) await open(`127.0.0.${at}`);
  }
  await ask();
  const late = await open('127.0.0.100');
  late.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  await within('who comes late is served', once(late, 'data'));
});
