/**
 * Strangers who ask and go away: 600 requests that are given up leave the gateway's process with the descriptors
 * that it had, and are not sent twice. An h2c service that is killed and comes back is reached at once.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import type { Scope } from '../../helpers/scope.ts';

const GIVEN_UP = 600;
/** Tunnels may come and go meanwhile. */
const SOME = 8;

/** Answers all paths but `/silent…` at once. */
async function startService(scope: Scope) {
  const asked = new Map<string, number>();
  const open = new Set<net.Socket>();
  const server = http.createServer(({ url = '' }, response) => {
    asked.set(url, (asked.get(url) ?? 0) + 1);
    if (!url.startsWith('/silent')) response.end('well');
  });
  server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, open, port: (server.address() as AddressInfo).port };
}

/** A server of HTTP/2 without TLS, in a process of its own. */
const H2C = `
import http2 from 'node:http2';
const server = http2.createServer((request, response) => response.end('well'));
server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log(server.address().port));
`;

async function startH2c(scope: Scope, at?: number) {
  // It is started again where it was.
  const port = at ?? (await freePort());
  const child = spawn(process.execPath, ['--input-type=module', '--eval', H2C, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scope.teardown(() => void child.kill('SIGKILL'));
  const [line] = (await within('it listens', once(child.stdout, 'data'))) as [Buffer];
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { port: Number(line), kill };
}

test('requests that are given up leave nothing, and a service that was killed is reached again', async (t) => {
  const mesh = await startMesh(t);
  const service = await startService(t);
  const h2c = await startH2c(t);
  await mesh.sidecar({ service: 'api', expose: [`80=127.0.0.1:${service.port}`] });
  await mesh.sidecar({ service: 'h2c', expose: [`80=127.0.0.1:${h2c.port}`] });
  const gateway = await startGateway(
    t,
    mesh,
    `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {hostnames: [h2c.test], backend: 'h2c:80', appProtocol: h2c}
      - {backend: 'api:80'}
`,
  );
  const port = await gateway.port('web');
  const ask = async (host: string, path = '/'): Promise<number | undefined> => {
    const request = http.get({ port, host: '127.0.0.1', path, headers: { host }, agent: false });
    const [response] = (await within('it is answered', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    response.resume();
    return response.statusCode;
  };
  const served = async (host: string): Promise<true | undefined> =>
    (await ask(host)) === 200 || undefined;
  await eventually('both services are reached', async () => {
    return (await served('api.test')) && (await served('h2c.test'));
  });
  const descriptors = (): number => readdirSync(`/proc/${gateway.process.pid}/fd`).length;
  const before = descriptors();
  for (let at = 0; at < GIVEN_UP; at += 1) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const path = at % 2 === 0 ? `/silent-${at}` : `/quick-${at}`;
    const host = at % 3 === 0 ? 'h2c.test' : 'api.test';
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => {
      if (at % 5 === 0) socket.resetAndDestroy();
      else socket.destroySoon();
    });
    await within('it is gone', once(socket, 'close'));
  }
  await eventually(
    'the descriptors are free again',
    () => descriptors() <= before + SOME || undefined,
  );
  await eventually('the service has what is kept', () => service.open.size <= SOME || undefined);
  t.is(await ask('api.test'), 200);
  const twice = [...service.asked].filter(([path, count]) => path !== '/' && count > 1);
  t.deepEqual(twice, []);

  await h2c.kill();
  const again = await startH2c(t, h2c.port);
  t.is(again.port, h2c.port);
  for (let round = 0; round < 4; round += 1) t.is(await ask('h2c.test'), 200);
});
