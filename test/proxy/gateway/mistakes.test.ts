/** A mistake of the program at the beginning of a request: it is counted, that request ends, and all others go on. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startEchoApp } from './echo-app.ts';
import type { Tracer } from '../../../proxy/tracing/tracer.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

test('a mistake ends its own request over HTTP/1, over HTTP/2 and for a WebSocket, and nothing else', async (t) => {
  let isBroken = false;
  const tracer: Tracer = {
    begin({ fields }) {
      if (isBroken) throw new Error('a mistake of the program');
      return { traceId: '', fields, ended() {} };
    },
    close: () => Promise.resolve(),
  };
  const app = await startEchoApp(t, 'api');
  const gateway = await openGatewayUnderTest(t, {
    tracer,
    listeners: `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {backend: 'api:80'}
`,
    services: { api: app.port },
  });
  const port = gateway.port('web');
  const agent = new http.Agent({ keepAlive: true });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(() => {
    agent.destroy();
    session.destroy();
  });
  const ask1 = async (): Promise<number | undefined> => {
    const request = http.get({ port, agent });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await response.toArray();
    return response.statusCode;
  };
  const ask2 = async (): Promise<number | undefined> => {
    const stream = session.request({ ':path': '/' });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    await stream.toArray();
    return Number(headers[':status']);
  };
  t.deepEqual([await ask1(), await ask2()], [200, 200]);
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
  // Its connection is accepted before the mistake: it begins with its request.
  const waiting = http.request({ port, headers: upgrade, agent });
  isBroken = true;
  const failures = [
    t.throwsAsync(ask2()),
    t.throwsAsync(once(waiting.end(), 'response'), { code: 'ECONNRESET' }),
  ];
  await within('the requests fail', Promise.all(failures));
  isBroken = false;
  t.is(gateway.mistakes(), 2);
  t.is(await ask2(), 200, 'the connection of HTTP/2 is gone with the one request');
  t.is(await ask1(), 200);
  isBroken = true;
  await within('the request fails', t.throwsAsync(ask1(), { code: 'ECONNRESET' }));
  isBroken = false;
  t.is(gateway.mistakes(), 3);
  t.is(await ask1(), 200);
});
