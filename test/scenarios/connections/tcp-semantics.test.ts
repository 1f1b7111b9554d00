/**
 * A connection through the mesh behaves like one without it: either side may end its direction first
 * and go on reading, a server may speak first, and a connection that breaks never looks complete.
 */
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { fileScope } from '../../helpers/scope.ts';
import { startTcpApp, type TcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const scope = fileScope();
let app: TcpApp;
let api: Sidecar;
let web: Sidecar;
let port = 0;

test.before(async () => {
  const mesh = await startMesh(scope);
  app = await startTcpApp(scope);
  api = await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
  [port = 0] = web.upstreamPorts;
});

async function connected() {
  const client = await connectTcp(scope, port);
  return { client, server: await within('the application accepts', app.accepted()) };
}

test.serial('the client ends first and reads the answer', async (t) => {
  const { client, server } = await connected();
  client.end('question');
  t.is(await readText(server, 8), 'question');
  t.is(await endOf(server), 'end');
  server.write('an answer ');
  t.is(await readText(client, 10), 'an answer ');
  server.end('in two parts');
  t.is(await readText(client, 12), 'in two parts');
  t.is(await endOf(client), 'end');
});

test.serial('the server ends first and reads what the client still says', async (t) => {
  const { client, server } = await connected();
  server.end('goodbye');
  t.is(await readText(client, 7), 'goodbye');
  t.is(await endOf(client), 'end');
  client.write('one more ');
  t.is(await readText(server, 9), 'one more ');
  client.end('thing');
  t.is(await readText(server, 5), 'thing');
  t.is(await endOf(server), 'end');
});

test.serial('a connection that carries nothing ends in both directions', async (t) => {
  const { client, server } = await connected();
  client.end();
  t.is(await endOf(server), 'end');
  server.end();
  t.is(await endOf(client), 'end');
});

test.serial('the server speaks first', async (t) => {
  const { client, server } = await connected();
  server.write('220 ready\r\n');
  t.is(await readText(client, 11), '220 ready\r\n');
  client.write('QUIT\r\n');
  t.is(await readText(server, 6), 'QUIT\r\n');
  server.end('221 bye\r\n');
  t.is(await readText(client, 9), '221 bye\r\n');
  t.is(await endOf(client), 'end');
  client.end();
  t.is(await endOf(server), 'end');
});

test.serial('a reset by the server reaches the client as a reset', async (t) => {
  const { client, server } = await connected();
  server.write('the first half');
  t.is(await readText(client, 14), 'the first half');
  server.resetAndDestroy();
  t.is(await endOf(client), 'reset');
});

test.serial('a reset by the client reaches the server as a reset', async (t) => {
  const { client, server } = await connected();
  client.write('the first half');
  t.is(await readText(server, 14), 'the first half');
  client.resetAndDestroy();
  t.is(await endOf(server), 'reset');
});

test.serial('a reset reaches a side that has already ended its own direction', async (t) => {
  const { client, server } = await connected();
  client.end('all of the question');
  t.is(await readText(server, 19), 'all of the question');
  t.is(await endOf(server), 'end');
  server.write('half an answer');
  t.is(await readText(client, 14), 'half an answer');
  server.resetAndDestroy();
  t.is(await endOf(client), 'reset');
});

test.serial('nothing is left, and each end was counted as what it was', async (t) => {
  const samples = await carryingNothing([web, api]);
  await eventually('the application has no connections', () =>
    app.sockets.size === 0 ? true : undefined,
  );
  for (const metrics of samples) {
    const closed = (reason: string): number =>
      metrics.sum('hauberk_connections_closed_total', { reason });
    t.is(metrics.sum('hauberk_connections_opened_total'), 7);
    t.is(closed('complete'), 4);
    t.is(closed('app-reset') + closed('peer-reset'), 3);
    t.is(metrics.sum('hauberk_connections_failed_total'), 0);
  }
  t.is(await web.process.end(), 0);
  t.is(await api.process.end(), 0);
});
