/**
 * Two thousand connections that send nothing, on each of five ports at once. Requests through the
 * mesh go on, newcomers are let in beside the silent ones, and these are dropped for their silence
 * with the reason told; only on the plaintext port they are what an application's idle connections
 * are, and stay until they end. Then every process is back to the memory and files that it had.
 */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import {
  besiege,
  holdingsOf,
  returnsTo,
  type BesiegedMesh,
} from '../../helpers/mesh/besieged-mesh.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { stolenCredentials } from '../../helpers/clients/peer-credentials.ts';
import type { Sidecar } from '../../helpers/mesh/mesh.ts';
import { opened, sendRaw, type RawConnection } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';
import { answerOf, foreignSession } from '../../proxy/tunnel/foreign-peer.ts';

const test = anyTest as TestFn<BesiegedMesh>;
const scope = fileScope();
test.before(async (t) => {
  t.context = await besiege(scope);
});

const COUNT = 2_000;

/**
 * Three kilobytes kept for each connection would be more, and so would one file for each ten. Tunnels
 * that the idle connections were spread over stay open for a while, and buffers for the next burst.
 */
const MORE = { moreBytes: 6 * 1024 * 1024, moreFiles: 100 };

test('2,000 silent connections on every port cost nobody else anything', async (t) => {
  const { mesh, api, web, admin, unharmed } = t.context;
  const { controlPlane } = mesh;
  const [upstream = 0] = web.upstreamPorts;
  const processes = [controlPlane.process, api.process, web.process];
  const before = await Promise.all(processes.map(holdingsOf));

  const carried = await idleConnections(web);
  const silent = (port: number) => Array.from({ length: COUNT }, () => sendRaw(port));
  const dropped = [
    ...silent(api.hbonePort),
    ...silent(api.metricsPort),
    ...silent(controlPlane.grpcPort),
    ...silent(controlPlane.httpPort),
  ];
  await opened(dropped);

  // While they hang: a new tunnel, an operator, a probe, a scrape, a new connection, a new sidecar.
  const session = await foreignSession(
    t,
    api.hbonePort,
    await stolenCredentials(web.stateDirectory),
  );
  const stream = session.request({ ':method': 'CONNECT', ':authority': '127.0.0.1:8080' });
  t.is(await within('a new peer is served', answerOf(stream)), '200');
  session.destroy();
  t.true((await admin.listWorkloads()).length >= 2);
  t.is(await getOnce(controlPlane.httpPort, '/readyz').then(() => 'ready'), 'ready');
  t.is(await getOnce(api.metricsPort, '/healthz/ready').then(() => 'ready'), 'ready');
  t.is(await getOnce(upstream), 'api');
  const late = await mesh.sidecar({ service: 'late', upstreams: ['api:8080'] });
  t.is(await getOnce(late.upstreamPorts[0] ?? 0), 'api');
  t.is(await late.process.end(), 0);

  await within(
    'the silent connections are dropped',
    Promise.all(dropped.map(({ ended }) => ended)),
  );
  const [ofApi, ofControlPlane] = await Promise.all([api.metrics(), controlPlane.metrics()]);
  const tunnels = { direction: 'inbound' };
  const handshakes = 'hauberk_handshakes_refused_total';
  t.is(
    ofApi.sum(handshakes, { ...tunnels, reason: 'timeout' }) +
      ofApi.sum(handshakes, { ...tunnels, reason: 'too-many' }),
    COUNT,
  );
  t.true(
    ofControlPlane.sum('hauberk_grpc_handshakes_refused_total', { reason: 'timeout' }) >= COUNT,
  );
  for (const metrics of [ofApi, ofControlPlane]) {
    const refused = 'hauberk_http_connections_refused_total';
    const [timedOut, tooMany] = [{ reason: 'timeout' }, { reason: 'displaced' }];
    t.true(metrics.sum(refused, timedOut) + metrics.sum(refused, tooMany) >= COUNT);
  }
  await api.process.logged('handshake-refused', ({ reason }) => reason === 'timeout');
  await api.process.logged('http-refused', ({ reason }) => reason === 'timeout');
  await controlPlane.process.logged('handshake-refused', ({ reason }) => reason === 'timeout');
  await controlPlane.process.logged('http-refused', ({ reason }) => reason === 'timeout');

  await unharmed(t);
  for (const { socket } of carried) socket.destroy();
  for (const [index, process] of processes.entries()) {
    await returnsTo(process, before[index] ?? { bytes: 0, files: 0 }, MORE);
  }
  await unharmed(t);
});

/** As fast as the application takes them, whose queue of new connections is short. */
async function idleConnections(web: Sidecar): Promise<RawConnection[]> {
  const [port = 0] = web.upstreamPorts;
  const connections: RawConnection[] = [];
  while (connections.length < COUNT) {
    connections.push(...Array.from({ length: 250 }, () => sendRaw(port)));
    await eventually('the idle connections are carried', async () => {
      const open = (await web.metrics()).sum('hauberk_connections_open', { direction: 'outbound' });
      return open >= connections.length || undefined;
    });
  }
  return connections;
}
