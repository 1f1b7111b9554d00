/** A client that does not take its answer holds up nobody else, though the service's connection is free by then. */
import { once } from 'node:events';
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startRawService } from './raw-service.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const BODY = 'x'.repeat(1_000);

test('the next request does not wait on the connection of an answer that is not taken', async (t) => {
  const service = await startRawService(
    t,
    () => `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  );
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'api:80'}]}\n`,
    services: { api: service.port },
  });
  const slow = connect(t, gateway.port('web'), 0);
  const first = slow.request({ ':path': '/slow' });
  const [headers] = (await within('the head comes', once(first, 'response'))) as [
    http2.IncomingHttpHeaders,
  ];
  t.is(Number(headers[':status']), 200);
  const others = connect(t, gateway.port('web'), 65_535);
  const ask = async (): Promise<string> => {
    const request = others.request({ ':path': '/' });
    return (await within('it is answered', request.setEncoding('utf8').toArray())).join('');
  };
  t.is(await ask(), BODY);
  const ports = [...service.sockets].map(({ remotePort }) => remotePort);
  t.is(ports.length, 2);
  // Once it is taken, the connection is used again.
  const taken = first.setEncoding('utf8').toArray();
  slow.settings({ initialWindowSize: 65_535 });
  t.is((await within('it is taken', taken)).join(''), BODY);
  await Promise.all([ask(), ask()]);
  t.deepEqual(
    [...service.sockets].map(({ remotePort }) => remotePort),
    ports,
    'no other was made',
  );
  t.is(service.requests.length, 4);
});

function connect(
  t: ExecutionContext,
  port: number,
  initialWindowSize: number,
): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } });
  t.teardown(() => session.destroy());
  return session;
}
