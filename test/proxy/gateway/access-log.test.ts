/** A line for each request, in JSON or in the Common Log Format: also for those that were refused or given up. */
import { once } from 'node:events';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { createRequestLog } from '../../../proxy/gateway/http/access-log.ts';
import { startEchoApp } from './echo-app.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

async function world(t: ExecutionContext, format: 'json' | 'clf') {
  const app = await startEchoApp(t, 'app', ({ url }, response) => {
    if (url === '/silent') return true;
    if (url !== '/five') return false;
    response.end('12345');
    return true;
  });
  const { logger, of } = createLogRecorder();
  const written: string[] = [];
  const clock = createManualClock(Date.UTC(2026, 10, 9, 10, 15, 32));
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{hostnames: [www.example.com], pathPrefix: /, backend: 'app.shop:80'}]}\n`,
    services: { app: app.port },
    requestLog: (name) =>
      createRequestLog({ logger, clock, name, format, write: (line) => void written.push(line) }),
  });
  const ask = async (head: string): Promise<void> => {
    const { ended } = sendRaw(gateway.port('web'), `${head}Connection: close\r\n\r\n`);
    await within('it is answered', ended);
  };
  const giveUp = async (): Promise<void> => {
    const socket = net.connect(gateway.port('web'), '127.0.0.1');
    socket.write('GET /silent HTTP/1.1\r\nHost: www.example.com\r\n\r\n');
    await eventually('the service is asked', () => gateway.asked.length > 0 || undefined);
    socket.destroy();
    await once(socket, 'close');
  };
  return { of, written, ask, giveUp };
}

const HOST = 'Host: www.example.com\r\n';
const TRACE = 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n';

test('JSON', async (t) => {
  const { of, ask, giveUp } = await world(t, 'json');
  await giveUp();
  await ask(`POST /five?a=b HTTP/1.1\r\n${HOST}${TRACE}Content-Length: 0\r\n`);
  await ask(`GET /five HTTP/1.1\r\n${HOST}`);
  await ask(`GET /five HTTP/1.1\r\nHost: other.example.com\r\n`);
  await ask(`GET / HTTP/1.1\r\n${HOST}Content-Length: x\r\n`);
  const lines = await eventually('all are logged', () =>
    of('request').length === 5 ? of('request') : undefined,
  );
  const [given, posted, asked, refused, unread] = lines;
  t.like(given, { outcome: 'given-up', target: '/silent', client: '127.0.0.1' });
  t.like(posted, {
    listener: 'web',
    method: 'POST',
    host: 'www.example.com',
    target: '/five?a=b',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    route: 'www.example.com/',
    service: 'app.shop:80',
    peer: 'spiffe://mesh/app',
    tries: 1,
  });
  t.like(asked, { status: 200, outcome: 'complete', requestBytes: 0, responseBytes: 5 });
  t.like(refused, { status: 404, outcome: 'refused', reason: 'no-route', tries: 0 });
  t.like(unread, { status: 400, outcome: 'refused', reason: 'malformed' });
});

test('the Common Log Format', async (t) => {
  const { written, ask, giveUp } = await world(t, 'clf');
  await giveUp();
  await ask(`GET /five?"\\ HTTP/1.1\r\n${HOST}`);
  await ask(`GET /five HTTP/1.1\r\n${HOST}`);
  await ask(`GET /five HTTP/1.1\r\nHost: other.example.com\r\n`);
  await eventually('all are logged', () => written.length === 4 || undefined);
  const start = '127.0.0.1 - - [09/Nov/2026:10:15:32 +0000]';
  t.is(written[0], `${start} "GET /silent HTTP/1.1" 499 -\n`);
  t.regex(written[1] ?? '', /"GET \/five\?\\x22\\x5c HTTP\/1\.1" (?:200|400) \d+\n$/);
  t.is(written[2], `${start} "GET /five HTTP/1.1" 200 5\n`);
  t.regex(written[3] ?? '', /"GET \/five HTTP\/1\.1" 404 14\n$/);
});
