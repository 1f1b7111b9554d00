import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { refuseWhatIsNotHttp } from '../../../common/metrics/http-refusals.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

/** Headers may take a minute, unless the test is about that: on a busy machine nothing is quick. */
async function serve(t: ExecutionContext, { headersTimeout = 60_000, maxConnections = 100 } = {}) {
  const registry = new Registry();
  const log = createLogRecorder();
  const server = createServer({ headersTimeout, connectionsCheckingInterval: 50 });
  server.on('request', (_request, response) => response.end('served'));
  const clock = createManualClock();
  const options = { name: 'http', registry, logger: log.logger, clock, maxConnections };
  refuseWhatIsNotHttp(server, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const refused = async (reason: string): Promise<number> => {
    const metric = registry.getSingleMetric('hauberk_http_connections_refused_total');
    const { values } = (await metric?.get()) ?? { values: [] };
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
  await Promise.all(Array.from({ length: 30 }, () => say('garbage\r\n\r\n')));
  t.is(await refused('not-http'), 30);
  t.is(log.of('http-refused').length, 10);
});

test('when there are too many, the one that asked nothing for the longest time goes', async (t) => {
  const { port, refused } = await serve(t, { maxConnections: 3 });
  const open = async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const scraper = await open();
  const silent = await open();
  const ended = once(silent, 'close');
  scraper.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(scraper, 'data');
  await open();
  await open();
  await within('the silent one ends', ended);
  scraper.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [answer] = (await within('the scraper is served', once(scraper, 'data'))) as [Buffer];
  t.regex(answer.toString('latin1'), /served$/);
  t.is(await refused('too-many-connections'), 1);
});
