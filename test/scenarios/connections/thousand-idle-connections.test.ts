/**
 * A thousand connections are open at once and say nothing. Each is alive: a byte goes there and back
 * before and after all of them stood still. They share a few tunnels, and the gauges know them.
 */
import type { Socket } from 'node:net';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const CONNECTIONS = 1_000;

/** Streams that a sidecar puts into one tunnel. */
const STREAMS_PER_TUNNEL = 1_000;

test('a thousand idle connections live side by side', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  const api = await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
  const [port = 0] = web.upstreamPorts;

  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectTcp(t, port)));
  t.is(await echoed(clients, 'a'), CONNECTIONS);
  for (const sidecar of [web, api]) {
    const metrics = await sidecar.metrics();
    t.is(metrics.sum('hauberk_connections_open'), CONNECTIONS);
    const tunnels = metrics.sum('hauberk_tunnels_open');
    t.true(tunnels >= CONNECTIONS / STREAMS_PER_TUNNEL, `${tunnels} tunnels are enough`);
    t.true(tunnels < 10, `${tunnels} tunnels are few`);
  }
  t.is(await echoed(clients, 'z'), CONNECTIONS);

  const ends = clients.map((client) => {
    client.end();
    return endOf(client);
  });
  t.deepEqual(new Set(await Promise.all(ends)), new Set(['end']));
  for (const metrics of await carryingNothing([web, api])) {
    t.is(metrics.sum('hauberk_connections_opened_total'), CONNECTIONS);
    t.is(metrics.sum('hauberk_connections_closed_total', { reason: 'complete' }), CONNECTIONS);
    t.is(metrics.sum('hauberk_connections_failed_total'), 0);
    t.is(metrics.sum('hauberk_bytes_sent_total'), 2 * CONNECTIONS);
    t.is(metrics.sum('hauberk_bytes_received_total'), 2 * CONNECTIONS);
  }
  t.is(await web.process.end(), 0);
  await eventually('no tunnel is left', async () =>
    (await api.metrics()).sum('hauberk_tunnels_open') === 0 ? true : undefined,
  );
  t.is(await api.process.end(), 0);
});

/** Sends a byte on each and counts those that get it back. */
async function echoed(clients: readonly Socket[], byte: string): Promise<number> {
  for (const client of clients) client.write(byte);
  const answers = await Promise.all(clients.map((client) => readText(client, 1)));
  return answers.filter((answer) => answer === byte).length;
}
