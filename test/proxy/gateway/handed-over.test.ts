/**
 * Listeners are compared by their addresses when the file changes: one that has another name, or an address
 * that includes the old one, takes over its port, and connections that are open go on.
 */
import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { echo, startTcpApp, type TcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, readText } from '../../helpers/clients/tcp-client.ts';
import type { Scope } from '../../helpers/scope.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const tcp = (name: string, host: string, port: number, service = 'echo'): string =>
  `  - {name: ${name}, listen: '${host}:${port}', protocol: TCP, backend: '${service}:7'}\n`;

async function says(socket: net.Socket, text: string): Promise<string> {
  socket.write(text);
  return await readText(socket, text.length);
}

/** The system's word when nobody listens there. */
async function connectError(host: string, port: number): Promise<string> {
  const socket = net.connect({ port, host });
  const [error] = (await within('it is refused', once(socket, 'error'))) as [NodeJS.ErrnoException];
  return error.code ?? '';
}

async function connectTo(t: Scope, host: string, port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host });
  t.teardown(() => void socket.destroy());
  await within('a connection is made', once(socket, 'connect'));
  return socket;
}

async function open(t: Scope, listeners: (port: number) => string) {
  const app: TcpApp = await startTcpApp(t, echo);
  const services = { echo: app.port };
  // Somebody else may have taken the port since.
  for (let tries = 3; ; tries -= 1) {
    const port = await freePort();
    try {
      const gateway = await openGatewayUnderTest(t, { listeners: listeners(port), services });
      return { ...gateway, port };
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
}

test('a listener gets another name', async (t) => {
  const { port, gateway, rewrite, metrics, log } = await open(t, (p) => tcp('old', '127.0.0.1', p));
  const socket = await connectTcp(t, port);
  t.is(await says(socket, 'one'), 'one');
  await rewrite(tcp('new', '127.0.0.1', port));
  await gateway.reload();
  t.like(log.of('reloaded').at(-1), { outcome: 'applied' });
  t.is(await says(socket, 'two'), 'two');
  const other = await connectTcp(t, port);
  t.is(await says(other, 'three'), 'three');
  const samples = await metrics();
  for (const listener of ['old', 'new']) {
    t.is(samples.sum('hauberk_gateway_connections_open', { listener }), 1, listener);
    t.is(samples.sum('hauberk_gateway_connections_accepted_total', { listener }), 1, listener);
  }
  t.like(log.of('listening').at(-1), { listener: 'new', port });
  await gateway.reload();
  t.like(log.of('reloaded').at(-1), { outcome: 'unchanged' });
});

test('two listeners exchange their names', async (t) => {
  const second = await freePort();
  const { port, gateway, rewrite, log } = await open(
    t,
    (p) => tcp('a', '127.0.0.1', p) + tcp('b', '127.0.0.1', second),
  );
  await rewrite(tcp('b', '127.0.0.1', port) + tcp('a', '127.0.0.1', second));
  await gateway.reload();
  t.like(log.of('reloaded').at(-1), { outcome: 'applied' });
  for (const at of [port, second]) t.is(await says(await connectTcp(t, at), 'hello'), 'hello');
});

for (const [from, to] of [
  ['127.0.0.1', '0.0.0.0'],
  ['0.0.0.0', '127.0.0.1'],
  ['127.0.0.1', '[::]'],
  ['[::]', '127.0.0.1'],
  ['0.0.0.0', '[::]'],
] as const) {
  test(`a listener moves from ${from} to ${to} on one port`, async (t) => {
    const { port, gateway, rewrite, log } = await open(t, (p) => tcp('web', from, p));
    const socket = await connectTcp(t, port);
    t.is(await says(socket, 'one'), 'one');
    await rewrite(tcp('web', to, port));
    await gateway.reload();
    t.like(log.of('reloaded').at(-1), { outcome: 'applied' });
    t.is(await says(socket, 'two'), 'two');
    t.is(await says(await connectTcp(t, port), 'three'), 'three');
    if (to === '127.0.0.1') t.is(await connectError('127.0.0.2', port), 'ECONNREFUSED');
    else t.is(await says(await connectTo(t, '127.0.0.2', port), 'four'), 'four');
  });
}

test('connections that wait to be accepted are served when the address changes', async (t) => {
  const { port, gateway, rewrite, log } = await open(t, (p) => tcp('web', '127.0.0.1', p));
  await rewrite(tcp('web', '0.0.0.0', port));
  // The system has made all of them before the first is accepted, as the event loop does not turn here.
  const waiting = Array.from({ length: 300 }, () => net.connect({ port, host: '127.0.0.1' }));
  const answers = waiting.map((socket) => says(socket, 'hello'));
  const reloaded = gateway.reload();
  t.deepEqual(new Set(await within('they are served', Promise.all(answers))), new Set(['hello']));
  await reloaded;
  t.like(log.of('reloaded').at(-1), { outcome: 'applied' });
  for (const socket of waiting) socket.destroy();
});

test('one address takes the place of two that it includes', async (t) => {
  const { port, gateway, rewrite, log } = await open(
    t,
    (p) => tcp('one', '127.0.0.1', p) + tcp('two', '127.0.0.2', p),
  );
  await rewrite(tcp('all', '0.0.0.0', port));
  await gateway.reload();
  t.like(log.of('reloaded').at(-1), { outcome: 'applied' });
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    t.is(await says(await connectTo(t, host, port), 'hello'), 'hello');
  }
});

test('a listener gets its port back when another one of the file cannot be opened', async (t) => {
  const taken = await startTcpApp(t);
  const { port, gateway, rewrite, log } = await open(t, (p) => tcp('web', '127.0.0.1', p));
  const socket = await connectTcp(t, port);
  t.is(await says(socket, 'one'), 'one');
  await rewrite(tcp('web', '0.0.0.0', port) + tcp('more', '127.0.0.1', taken.port));
  await gateway.reload();
  t.regex(String(log.of('reload-refused').at(-1)?.msg), /the more port .* is in use/);
  t.is(await says(socket, 'two'), 'two');
  t.is(await says(await connectTcp(t, port), 'three'), 'three');
  t.is(await connectError('127.0.0.2', port), 'ECONNREFUSED', 'where it was, and no more');
  await rewrite(tcp('web', '0.0.0.0', port));
  await gateway.reload();
  t.is(await says(await connectTo(t, '127.0.0.2', port), 'four'), 'four');
});
