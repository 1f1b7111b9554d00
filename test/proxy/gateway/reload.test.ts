/** A gateway follows its file, loses no connection over it, and ends in an orderly way. */
import { once } from 'node:events';
import http from 'node:http';
import { rename, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { drain } from '../../../common/lifecycle.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const listener = (name: string, service: string, port = 0): string =>
  `  - {name: ${name}, listen: '127.0.0.1:${port}', protocol: HTTP, routes: [{backend: '${service}:80'}]}\n`;

/** Reads one answer, whose body is known. */
async function readAnswer(socket: net.Socket, body: string): Promise<string> {
  let text = '';
  while (!text.endsWith(`\r\n\r\n${body}`)) text += await readText(socket, 1);
  return text;
}

test('a change of the file is noticed, also of one that is put in its place', async (t) => {
  const [one, two] = [await startHttpApp(t, 'one'), await startHttpApp(t, 'two')];
  const gateway = await openGatewayUnderTest(t, {
    listeners: listener('web', 'one'),
    services: { one: one.port, two: two.port },
  });
  const port = gateway.port('web');
  t.is(await getOnce(port), 'one');
  await gateway.rewrite(listener('web', 'two'));
  await eventually('the change is used', async () => (await getOnce(port)) === 'two' || undefined);
  const other = path.join(gateway.directory, 'next.yaml');
  await writeFile(other, `listeners:\n${listener('web', 'one')}`);
  await rename(other, path.join(gateway.directory, 'gateway.yaml'));
  await eventually(
    'the other file is used',
    async () => (await getOnce(port)) === 'one' || undefined,
  );
  t.is(gateway.port('web'), port);
});

for (const keepAlive of [true, false]) {
  const how = keepAlive ? 'connections that are kept' : 'connections of their own';
  test(`requests on ${how} are answered while the file changes again and again`, async (t) => {
    const [one, two] = [await startHttpApp(t, 'one'), await startHttpApp(t, 'two')];
    const gateway = await openGatewayUnderTest(t, {
      listeners: listener('web', 'one'),
      services: { one: one.port, two: two.port },
    });
    const load = startHttpLoad(t, { port: gateway.port('web'), keepAlive });
    for (let round = 0; round < 50; round += 1) {
      await gateway.rewrite(listener('web', round % 2 === 0 ? 'two' : 'one'));
      await gateway.gateway.reload();
      await load.more(10);
    }
    const { failures, bodies } = await load.stop();
    t.deepEqual(failures, []);
    t.deepEqual([...bodies.keys()].toSorted(), ['one', 'two']);
  });
}

test('a connection that rests when the file changes carries one request more, or ends by itself', async (t) => {
  const [one, two] = [await startHttpApp(t, 'one'), await startHttpApp(t, 'two')];
  const quick = (service: string): string =>
    listener('web', service).replace('routes:', 'limits: {idleSeconds: 1}, routes:');
  const gateway = await openGatewayUnderTest(t, {
    listeners: quick('one'),
    services: { one: one.port, two: two.port },
  });
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const rest = async (): Promise<net.Socket> => {
    const socket = await connectTcp(t, gateway.port('web'));
    socket.write(request);
    t.regex(await readAnswer(socket, 'one'), /^HTTP\/1\.1 200 OK\r\n/);
    return socket;
  };
  const [used, unused] = [await rest(), await rest()];
  await gateway.rewrite(quick('two'));
  await gateway.gateway.reload();
  used.write(request);
  t.regex(await readAnswer(used, 'one'), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close/i);
  t.is(await endOf(used), 'end');
  t.is(await endOf(unused), 'end');
});

test('a file that cannot be used changes nothing, and is used once it is corrected', async (t) => {
  const [one, two] = [await startHttpApp(t, 'one'), await startHttpApp(t, 'two')];
  const gateway = await openGatewayUnderTest(t, {
    listeners: listener('web', 'one'),
    services: { one: one.port, two: two.port },
  });
  const port = gateway.port('web');
  const taken = await startTcpApp(t);
  for (const [text, problem] of [
    ['  - {name: web}\n', /gateway\.yaml:2:5: listeners\[0\]\.protocol: expected one of TCP, TLS/],
    // All or nothing: the first listener could be changed, the second cannot be opened.
    [listener('web', 'two') + listener('more', 'two', taken.port), /the more port .* is in use/],
    [
      `  - {name: tls, listen: '127.0.0.1:0', protocol: HTTPS, routes: [{backend: 'one:80'}], tls: {mode: Terminate, certificates: [{certificate: DIR/no.pem, key: DIR/no.key}]}}\n`,
      /the certificate of the listener tls does not exist/,
    ],
  ] as const) {
    await gateway.rewrite(text);
    await gateway.gateway.reload();
    t.regex(String(gateway.log.of('reload-refused').at(-1)?.msg), problem);
    t.is(await getOnce(port), 'one');
  }
  await gateway.rewrite(listener('web', 'two'));
  await gateway.gateway.reload();
  t.is(await getOnce(port), 'two');
  const metrics = await gateway.metrics();
  t.true(metrics.sum('hauberk_gateway_reloads_total', { outcome: 'refused' }) >= 3);
});

test('connections go on when the file has another place for new ones, or none', async (t) => {
  const app = await startTcpApp(t, echo);
  const tcp = (name: string, port = 0): string =>
    `  - {name: ${name}, listen: '127.0.0.1:${port}', protocol: TCP, backend: 'echo:7'}\n`;
  const port = await freePort();
  const gateway = await openGatewayUnderTest(t, {
    listeners: tcp('old', port) + tcp('stays'),
    services: { echo: app.port },
  });
  const socket = await connectTcp(t, port);
  socket.write('one');
  t.is(await readText(socket, 3), 'one');
  await gateway.rewrite(tcp('stays') + tcp('new'));
  await gateway.gateway.reload();
  socket.write('two');
  t.is(await readText(socket, 3), 'two');
  const late = net.connect({ port, host: '127.0.0.1' });
  const [error] = (await within('it is refused', once(late, 'error'))) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNREFUSED');
  const other = await connectTcp(t, gateway.port('new'));
  other.write('three');
  t.is(await readText(other, 5), 'three');
});

test('at the end idle connections close, requests are answered, and their connections close then', async (t) => {
  const app = await startHttpApp(t, 'app');
  const gateway = await openGatewayUnderTest(t, {
    listeners: listener('web', 'app').replace('routes:', 'limits: {idleSeconds: 1}, routes:'),
    services: { app: app.port },
  });
  const port = gateway.port('web');
  const idle = await connectTcp(t, port);
  idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  t.regex(await readText(idle, 15), /^HTTP\/1\.1 200 OK/);
  const agent = new http.Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const held = http.get({ port, host: '127.0.0.1', path: '/held', agent });
  await eventually('the application has the request', () => app.held === 1 || undefined);
  const drained = drain(gateway.gateway, { clock: systemClock, deadlineMs: 20_000 });
  t.is(await endOf(idle), 'end');
  app.release();
  const [response] = (await within('it is answered', once(held, 'response'))) as [
    http.IncomingMessage,
  ];
  t.is(response.statusCode, 200);
  t.is(response.headers.connection, 'close');
  t.is((await response.setEncoding('utf8').toArray()).join(''), 'app');
  t.is(await within('the gateway has drained', drained), 'idle');
});

test('what does not end is reset at the deadline', async (t) => {
  const app = await startHttpApp(t, 'app');
  const gateway = await openGatewayUnderTest(t, {
    listeners: listener('web', 'app'),
    services: { app: app.port },
  });
  const socket = await connectTcp(t, gateway.port('web'));
  socket.write('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually('the application has the request', () => app.held === 1 || undefined);
  const ended = endOf(socket);
  const outcome = drain(gateway.gateway, { clock: systemClock, deadlineMs: 50 });
  t.is(await within('the gateway gives up', outcome), 'forced');
  t.is(await ended, 'reset');
});
