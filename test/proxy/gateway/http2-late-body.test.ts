/** HTTP/2: a body that does not arrive in time is answered as in HTTP/1, and ends that request alone. */
import { once } from 'node:events';
import http2 from 'node:http2';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { startEchoApp } from './echo-app.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const authority = createTestAuthority();
const www = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });

test('a body that is late is 408, and the connection goes on', async (t) => {
  const app = await startEchoApp(t, 'app');
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTPS, limits: {requestSeconds: 1}, routes: [{backend: 'app:80'}], tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}}\n`,
    services: { app: app.port },
    files: certificateFiles('www', www),
  });
  const session = http2.connect(`https://127.0.0.1:${gateway.port('web')}`, {
    servername: 'www.example.com',
    ca: authority.root.certificate.toString(),
  });
  t.teardown(() => session.destroy());
  const ask = async (body: string, isWhole: boolean): Promise<string> => {
    const request = session.request({ ':path': '/', ':method': 'POST' });
    request.write(body);
    if (isWhole) request.end();
    const [answer] = (await within('it is answered', once(request, 'response'))) as [
      http2.IncomingHttpHeaders,
    ];
    const closed = once(request, 'close');
    request.resume();
    await within('the request ends', closed);
    t.is(request.rstCode, http2.constants.NGHTTP2_NO_ERROR);
    return String(answer[':status']);
  };
  t.is(await ask('half', false), '408');
  t.like(gateway.log.of('request-refused'), [{ reason: 'too-late', listener: 'web' }]);
  t.is(await ask('all of it', true), '200');
  t.deepEqual(
    app.seen.map(({ body }) => body),
    ['all of it'],
  );
  const refused = 'hauberk_gateway_requests_refused_total';
  t.is((await gateway.metrics()).sum(refused, { listener: 'web', reason: 'too-late' }), 1);
});
