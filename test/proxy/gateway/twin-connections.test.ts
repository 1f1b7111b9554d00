/** Two clients with one address and port, at two local addresses of a listener on all of them. */
import { once } from 'node:events';
import type net from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { fileScope } from '../../helpers/scope.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { connectTwins } from '../../helpers/clients/twin-connections.ts';
import { certificateFiles } from './certificate-files.ts';
import { startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
const authority = createTestAuthority();
const www = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });
const ca = authority.root.certificate.toString();
const TLS = 'tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}';
let gateway: GatewayUnderTest;

test.before(async () => {
  const app = await startEchoApp(scope, 'app');
  const echo = await startTcpApp(scope, (socket) => socket.pipe(socket));
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: https, listen: '0.0.0.0:0', protocol: HTTPS, ${TLS}, routes: [{backend: 'app:80'}]}
  - {name: tls, listen: '0.0.0.0:0', protocol: TLS, ${TLS}, routes: [{hostnames: [www.example.com], backend: 'echo:7'}]}
`,
    services: { app: app.port, echo: echo.port },
    files: certificateFiles('www', www),
  });
});

/** Makes the handshake, asks, and reads the beginning of the answer. */
async function ask(socket: net.Socket, what: string): Promise<string> {
  const secured = tls.connect({ socket, servername: 'www.example.com', ca });
  await within('the handshake ends', once(secured, 'secureConnect'));
  secured.write(what);
  const [chunk] = (await within('there is an answer', once(secured, 'data'))) as [Buffer];
  secured.destroy();
  return chunk.toString('latin1').split('\r\n', 1)[0] ?? '';
}

for (const [listener, question, answer] of [
  ['https', 'GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n', 'HTTP/1.1 200 OK'],
  ['tls', 'hello', 'hello'],
] as const) {
  for (const order of ['in their order', 'the other way round', 'at once']) {
    test(`${listener}: both are served, ${order}`, async (t) => {
      const [one, other] = await connectTwins(t, gateway.port(listener));
      const twins = order === 'the other way round' ? [other, one] : [one, other];
      if (order === 'at once') {
        const answers = await Promise.all(twins.map((twin) => ask(twin, question)));
        t.deepEqual(answers, [answer, answer]);
        return;
      }
      for (const twin of twins) t.is(await ask(twin, question), answer);
    });
  }

  test(`${listener}: one that leaves, or breaks its handshake, does not take the other along`, async (t) => {
    for (const breakOff of [
      (socket: net.Socket) => void socket.destroy(),
      (socket: net.Socket) => void socket.resetAndDestroy(),
      (socket: net.Socket) => void socket.write('this is not TLS\r\n\r\n'),
    ]) {
      for (const broken of [0, 1]) {
        const twins = await connectTwins(t, gateway.port(listener));
        const gone = twins[broken] as net.Socket;
        gone.on('error', () => {});
        breakOff(gone);
        t.is(await ask(twins[1 - broken] as net.Socket, question), answer);
      }
    }
  });
}

test.after.always('nothing waits for a handshake that has ended', async (t) => {
  const metrics = await eventually('nothing is open', async () => {
    const samples = await gateway.metrics();
    return samples.sum('hauberk_gateway_connections_open') === 0 ? samples : undefined;
  });
  t.true(metrics.sum('hauberk_gateway_connections_accepted_total') > 0);
});
