/** Which names a certificate is for, and which ciphers are spoken: what is refused beside what is allowed. */
import { once } from 'node:events';
import tls from 'node:tls';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
const authority = createTestAuthority();
const www = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });
const star = oddCertificate(authority.issuer, { altNames: [oddName.dns('*.shop.example.com')] });
let gateway: GatewayUnderTest;

test.before(async () => {
  const app = await startEchoApp(scope, 'app');
  gateway = await openGatewayUnderTest(scope, {
    listeners: `  - {name: https, listen: '127.0.0.1:0', protocol: HTTPS, routes: [{backend: 'app:80'}], tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}, {certificate: DIR/star.pem, key: DIR/star.key}]}}\n`,
    services: { app: app.port },
    files: { ...certificateFiles('www', www), ...certificateFiles('star', star) },
  });
});

async function shake(options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    port: gateway.port('https'),
    host: '127.0.0.1',
    ca: authority.root.certificate.toString(),
    checkServerIdentity: () => undefined,
    ...options,
  });
  scope.teardown(() => socket.destroy());
  await within('the handshake ends', once(socket, 'secureConnect'));
  return socket;
}

for (const [servername, expected] of [
  ['a.shop.example.com', star],
  ['my_app.shop.example.com', star],
  ['_.shop.example.com', star],
  ['MY_APP.shop.example.com', star],
  ['shop.example.com', www],
  ['a.b_c.shop.example.com', www],
  ['my_app.example.com', www],
  ['www.example.com', www],
] as const) {
  test(`the certificate for ${servername}`, async (t) => {
    const socket = await shake({ servername });
    t.is(socket.getPeerX509Certificate()?.serialNumber, expected.leaf.serialNumber);
  });
}

const OLD = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  servername: 'www.example.com',
} as const;

for (const ciphers of [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
]) {
  test(`TLS 1.2 with ${ciphers}`, async (t) => {
    const socket = await shake({ ...OLD, ciphers });
    t.is(socket.getCipher().name, ciphers);
  });
}

for (const ciphers of [
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-CCM8',
]) {
  test(`refused: TLS 1.2 with ${ciphers}`, async (t) => {
    await t.throwsAsync(shake({ ...OLD, ciphers: `${ciphers}:@SECLEVEL=0` }), {
      message: /handshake failure|ECONNRESET/,
    });
  });
}
