// What a connection may become where rules are about requests: a WebSocket that the rules allow, and nothing in which
// requests could hide.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import { inboundTo } from './harness.ts';
import { open, policyOf, READ_ORDERS, rule, until } from './requests-harness.ts';

/** An application that agrees to become anything, and then sends back what comes. */
async function startAgreeing(t: ExecutionContext) {
  const upgrades: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    response.end(String(request.headers.upgrade ?? 'no upgrade'));
  });
  server.on('upgrade', (request, socket) => {
    upgrades.push(request.headers.upgrade);
    socket.on('error', () => {});
    const to = String(request.headers.upgrade);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${to}\r\n\r\n`,
    );
    socket.pipe(socket);
    t.teardown(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  return { port: (server.address() as AddressInfo).port, upgrades };
}

const upgrade = (path: string, to: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${to}\r\n` +
  'HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n';

test('a WebSocket is allowed as its request is, and ends when it no longer is', async (t) => {
  const app = await startAgreeing(t);
  const inbound = inboundTo(app.port, READ_ORDERS);
  const refused = await open(t, inbound);
  t.regex(await refused.ask(upgrade('/admin', 'websocket')), /^HTTP\/1\.1 403 /);
  t.deepEqual(app.upgrades, []);

  const { stream, ask } = await open(t, inbound);
  t.regex(await ask(upgrade('/orders/live', 'websocket')), /^HTTP\/1\.1 101 /);
  stream.data('a message');
  await until('it comes back', () => stream.text.endsWith('a message'));
  const policy = policyOf(rule({ methods: ['HEAD'] }));
  inbound.policies.set({ configVersion: 2, policy, egress: NO_EGRESS, routes: NO_ROUTES });
  await until('it is broken off', () => stream.calls.includes('reset'));
  t.is(inbound.of('request-denied').at(-1)?.['path'], '/orders/live');
});

test('a connection becomes no HTTP/2 in which requests would pass unseen', async (t) => {
  const app = await startAgreeing(t);
  const { ask } = await open(t, inboundTo(app.port, READ_ORDERS));
  for (const to of ['h2c', 'websocket, h2c', 'TLS/1.2', 'anything']) {
    t.regex(await ask(upgrade('/orders', to)), /^HTTP\/1\.1 200 [^]*no upgrade$/, to);
  }
  t.deepEqual(app.upgrades, []);
});
