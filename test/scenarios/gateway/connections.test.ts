/**
 * Connections from outside reach services of the mesh through a gateway: plain TCP, and TLS that stays
 * encrypted up to the service that its server name leads to. Real processes, real clients.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { createOpenssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { callInVain, connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';

const scope = fileScope();
const authority = createTestAuthority();

/** A TLS server that says its name to whoever comes. */
async function startTlsApp(service: string): Promise<number> {
  const { privateKey, chain } = authority.workload('default', service);
  const context = secureContextOptions({ privateKey, chain, roots: [authority.root.certificate] });
  const server = tls.createServer(context, (socket) => {
    socket.on('error', () => {});
    socket.end(`${service} sees ${String(socket.servername)}\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const LISTENERS = `
  - {name: echo, listen: '127.0.0.1:0', protocol: TCP, backend: 'echo:7'}
  - {name: down, listen: '127.0.0.1:0', protocol: TCP, backend: 'nobody:7'}
  - name: sni
    listen: '127.0.0.1:0'
    protocol: TLS
    tls: {mode: Passthrough}
    routes:
      - {hostnames: [one.example.com], backend: 'one:443'}
      - {hostnames: ['*.example.com'], backend: 'two:443'}
`;

async function start() {
  const mesh = await startMesh(scope);
  const app = await startTcpApp(scope, echo);
  const [one, two] = [await startTlsApp('one'), await startTlsApp('two')];
  await mesh.sidecar({ service: 'echo', expose: [`7=127.0.0.1:${app.port}`] });
  await mesh.sidecar({ service: 'one', expose: [`443=127.0.0.1:${one}`] });
  await mesh.sidecar({ service: 'two', expose: [`443=127.0.0.1:${two}`] });
  await mesh.sidecar({ service: 'other', expose: [`7=127.0.0.1:${app.port}`] });
  const gateway = await startGateway(scope, mesh, LISTENERS);
  await eventually('the gateway knows the services', async () =>
    (await gateway.metrics()).sum('hauberk_endpoints') >= 3 ? true : undefined,
  );
  return { mesh, gateway };
}
let running: ReturnType<typeof start> | undefined;
const world = (): ReturnType<typeof start> => (running ??= start());

test.serial('a TCP connection is carried both ways, half-close included', async (t) => {
  const { gateway } = await world();
  const socket = await connectTcp(t, await gateway.port('echo'));
  socket.write('hello');
  t.is(await readText(socket, 5), 'hello');
  socket.end('bye');
  t.is(await readText(socket, 3), 'bye');
  t.is(await endOf(socket), 'end');
});

test.serial('a connection to a service that nobody serves is reset', async (t) => {
  const { gateway } = await world();
  t.is(await callInVain(await gateway.port('down')), 'reset');
  const line = await gateway.process.logged('connection-failed');
  t.is(line['reason'], 'no-endpoint');
});

requires('openssl').serial('TLS is led by its server name, and ends at the service', async (t) => {
  const { gateway } = await world();
  const openssl = await createOpenssl(t);
  const port = await gateway.port('sni');
  const root = authority.root.certificate.toString();
  await openssl.write('root.pem', root);
  for (const [name, says] of [
    ['one.example.com', 'one sees one.example.com'],
    ['ONE.example.com', 'one sees ONE.example.com'],
    ['other.example.com', 'two sees other.example.com'],
  ] as const) {
    const where = ['-connect', `127.0.0.1:${port}`, '-servername', name];
    const trust = ['-CAfile', 'root.pem', '-verify_return_error'];
    const { stdout } = await openssl.run('s_client', ...where, ...trust, '-quiet');
    t.is(stdout.toString().trim(), says);
  }
});

for (const [what, servername] of [
  ['a name without a route', 'www.example.org'],
  ['no name', undefined],
] as const) {
  test.serial(`TLS with ${what} is refused`, async (t) => {
    const { gateway } = await world();
    const socket = tls.connect({
      port: await gateway.port('sni'),
      host: '127.0.0.1',
      ...(servername === undefined ? {} : { servername }),
      rejectUnauthorized: false,
    });
    const [error] = (await within('it is refused', once(socket, 'error'))) as [Error];
    t.regex(error.message, /ECONNRESET|disconnected/);
    const matches = (line: Readonly<Record<string, unknown>>): boolean =>
      line['reason'] === 'no-route' && line['serverName'] === servername;
    const { listener } = await gateway.process.logged('connection-refused', matches);
    t.is(listener, 'sni');
  });
}

test.serial('what is not TLS is refused where TLS is expected', async (t) => {
  const { gateway } = await world();
  const socket = await connectTcp(t, await gateway.port('sni'));
  socket.write('GET / HTTP/1.1\r\nHost: one.example.com\r\n\r\n');
  t.is(await endOf(socket), 'reset');
  const refused = (line: Readonly<Record<string, unknown>>): boolean =>
    line['reason'] === 'client-hello-malformed';
  await gateway.process.logged('connection-refused', refused);
});

test.serial('it is told of the services that its file leads to, and of no other', async (t) => {
  const { gateway } = await world();
  const metrics = await gateway.metrics();
  t.is(metrics.sum('hauberk_endpoints', { service: 'one.default' }), 1);
  t.is(metrics.sum('hauberk_endpoints', { service: 'other.default' }), 0);
  // Four that the file names, one of which is not there, and its own.
  t.is(metrics.sum('hauberk_interest', { kind: 'service' }), 5);
  t.is(metrics.sum('hauberk_interest', { kind: 'namespace' }), 0);
});

test.serial('at the end nothing is open, and what was refused is counted', async (t) => {
  const { gateway } = await world();
  const metrics = await eventually('nothing is open', async () => {
    const samples = await gateway.metrics();
    return samples.sum('hauberk_gateway_connections_open') === 0 ? samples : undefined;
  });
  t.true(metrics.sum('hauberk_gateway_connections_accepted_total', { listener: 'echo' }) > 0);
  t.is(await gateway.process.end(), 0);
});
