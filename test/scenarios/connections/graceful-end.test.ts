/**
 * SIGTERM: a sidecar is not ready any more and takes no new connection, but what it carries goes on
 * until it has ended or until the time for it is over. A second SIGTERM waits for nothing. In each
 * case the exit code says how it went.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { once } from 'node:events';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startMesh, type Mesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { fileScope } from '../../helpers/scope.ts';
import { echo, startTcpApp, type TcpApp } from '../../helpers/servers/tcp-app.ts';
import { callInVain, connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const scope = fileScope();
let mesh: Mesh;
let app: TcpApp;

test.before(async () => {
  mesh = await startMesh(scope);
  app = await startTcpApp(scope, echo);
});

/** A call whose connection is open: both sidecars, and the client's end. */
async function openCall(...args: readonly string[]) {
  const namespace = `call-${calls++}`;
  const expose = [`7000=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', namespace, expose, args });
  const web = await mesh.sidecar({ service: 'web', namespace, upstreams: ['api:7000'], args });
  const [port = 0] = web.upstreamPorts;
  const client = await connectTcp(scope, port);
  await echoes(client, 'before');
  return { api, web, port, client };
}
let calls = 0;

async function echoes(client: Socket, text: string): Promise<void> {
  client.write(text);
  const back = await readText(client, text.length);
  if (back !== text) throw new Error(`expected ${text} back, but ${back} came`);
}

async function becomesUnready({ metricsPort }: Sidecar): Promise<void> {
  await eventually('the sidecar says that it is not ready', async () => {
    const { status } = await fetch(`http://127.0.0.1:${metricsPort}/healthz/ready`);
    return status === 503 ? true : undefined;
  });
}

test.serial('the side of the client drains: a connection in flight is finished', async (t) => {
  const { web, port, client } = await openCall();
  const ready = await fetch(`http://127.0.0.1:${web.metricsPort}/healthz/ready`);
  t.is(ready.status, 200);
  web.process.signal('SIGTERM');
  await becomesUnready(web);
  t.is(await connectionRefused(port), 'ECONNREFUSED');
  await echoes(client, 'while it drains');
  client.end();
  t.is(await endOf(client), 'end');
  t.is(await within('the sidecar ends', web.process.exited), 0);
  t.is((await web.process.logged('drained'))['outcome'], 'idle');
});

test.serial('the side of the server drains: a connection in flight is finished', async (t) => {
  const { api, web, port, client } = await openCall();
  api.process.signal('SIGTERM');
  await becomesUnready(api);
  t.is(await connectionRefused(api.hbonePort), 'ECONNREFUSED');
  await echoes(client, 'while it drains');
  t.is(await callInVain(port), 'reset', 'a new connection is not carried there any more');
  await echoes(client, 'after that');
  client.end();
  t.is(await endOf(client), 'end');
  t.is(await within('the sidecar ends', api.process.exited), 0);
  t.is((await web.metrics()).sum('hauberk_connections_closed_total', { reason: 'complete' }), 1);
});

test.serial('a connection that never ends is cut when the time is over', async (t) => {
  const { api, web, client } = await openCall('--drain-timeout=1s');
  t.is(await web.process.end('SIGTERM'), 0);
  t.is(await endOf(client), 'reset', 'and it does not look as if it had ended well');
  t.is((await web.process.logged('drained'))['outcome'], 'forced');
  t.is(await api.process.end(), 0);
});

test.serial('a connection that never ends is cut on the side of the server too', async (t) => {
  const { api, web, client } = await openCall('--drain-timeout=1s');
  t.is(await api.process.end('SIGTERM'), 0);
  t.is(await endOf(client), 'reset');
  t.is((await api.process.logged('drained'))['outcome'], 'forced');
  t.is(await web.process.end(), 0);
});

test.serial('a second SIGTERM ends at once', async (t) => {
  const { web, client } = await openCall('--drain-timeout=600s');
  web.process.signal('SIGTERM');
  await becomesUnready(web);
  t.is(await web.process.end('SIGTERM'), 1);
  t.is(await endOf(client), 'reset', 'what was cut does not look as if it had ended well');
});

/** How the system answers who connects to this port. */
async function connectionRefused(port: number): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1' });
  scope.teardown(() => socket.destroy());
  const [error] = (await within(`port ${port} refuses`, once(socket, 'error'))) as [
    NodeJS.ErrnoException,
  ];
  return error.code;
}
