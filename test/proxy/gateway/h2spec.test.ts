/**
 * h2spec, the conformance test of HTTP/2, against listeners of a gateway, with a service of either version behind
 * them. What cannot apply is listed: one more or one less fails the test. `npm run test:peers` fetches it, and runs
 * this (docs/http2.md).
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import type { Scope } from '../../helpers/scope.ts';
import { requiresPeer } from '../../helpers/machine/requirements.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { runH2spec } from '../http2/run-h2spec.ts';
import { certificateFiles } from './certificate-files.ts';
import { startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const TLS =
  'protocol: HTTPS, tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}';

const LISTENERS = `
  - {name: http-1, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'one:80'}]}
  - {name: http-2, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'two:80', appProtocol: h2c}]}
  - {name: https-1, listen: '127.0.0.1:0', ${TLS}, routes: [{backend: 'one:80'}]}
  - {name: https-2, listen: '127.0.0.1:0', ${TLS}, routes: [{backend: 'two:80', appProtocol: h2c}]}`;

/**
 * Without TLS the port speaks HTTP/1 as well: what does not begin with the preface (RFC 9113 section 3.4) is a request
 * of HTTP/1, and a malformed one is answered with 400 in HTTP/1, which h2spec takes for frames.
 */
const PREFACE = 'INVALID CONNECTION PREFACE\r\n\r\n';
const NOT_APPLICABLE = ['http2/3.5: Sends invalid connection preface'];

/** Answers once the request has come, with DATA, which some cases wait for. */
async function startH2c(scope: Scope): Promise<number> {
  const server = http2.createServer((request, response) => {
    request.resume().on('end', () => response.end('hello'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function open(scope: Scope): Promise<GatewayUnderTest> {
  const www = createTestAuthority().workload('edge', 'www', { dnsNames: ['localhost'] });
  return await openGatewayUnderTest(scope, {
    listeners: LISTENERS,
    services: { one: (await startEchoApp(scope, 'one')).port, two: await startH2c(scope) },
    files: certificateFiles('www', www),
  });
}

for (const version of [1, 2]) {
  for (const [protocol, failed] of [
    ['http', NOT_APPLICABLE],
    ['https', []],
  ] as const) {
    const title = `h2spec finds nothing at a listener of ${protocol} before a service of HTTP/${version}`;
    requiresPeer('h2spec').serial(title, async (t) => {
      const gateway = await open(t);
      const port = gateway.port(`${protocol}-${version}`);
      const report = await runH2spec(t, port, { isTls: protocol === 'https' });
      t.deepEqual(report, { cases: 145, failed, skipped: 0 });
      t.is(gateway.mistakes() ?? 0, 0);
    });
  }
}

test('what is no preface is answered in HTTP/1, and the connection ends', async (t) => {
  const gateway = await open(t);
  const socket = await connectTcp(t, gateway.port('http-1'));
  socket.write(PREFACE);
  const chunks = (await within('it ends', socket.setEncoding('utf8').toArray())) as string[];
  t.regex(chunks.join(''), /^HTTP\/1\.1 400 /);
});
