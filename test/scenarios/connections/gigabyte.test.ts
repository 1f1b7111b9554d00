/**
 * One connection carries a GiB in each direction at the same time. Both ends hash what they send and
 * what they receive, and both sidecars have counted every byte.
 */
import test from 'ava';
import { startBulkClient, startBulkServer } from '../../helpers/clients/bulk-transfer.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const BYTES = 2 ** 30;

test('a GiB each way arrives as it was sent', async (t) => {
  const mesh = await startMesh(t);
  const server = await startBulkServer(t, BYTES);
  const api = await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${server.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
  const [port = 0] = web.upstreamPorts;

  const startMs = performance.now();
  const client = startBulkClient(t, BYTES, port);
  const [atServer, atClient] = await Promise.all([server.report, client.report]);
  const seconds = (performance.now() - startMs) / 1000;
  t.log(`${Math.round((2 * BYTES) / 1e6 / seconds)} MB/s in both directions together`);

  t.deepEqual(atServer.received, atClient.sent);
  t.deepEqual(atClient.received, atServer.sent);
  t.is(atClient.received.bytes, BYTES);
  t.not(atClient.received.sha256, atClient.sent.sha256);

  for (const metrics of await carryingNothing([web, api])) {
    t.is(metrics.sum('hauberk_bytes_sent_total'), BYTES);
    t.is(metrics.sum('hauberk_bytes_received_total'), BYTES);
    t.is(metrics.sum('hauberk_connections_closed_total', { reason: 'complete' }), 1);
    t.is(metrics.sum('hauberk_connections_failed_total'), 0);
  }
  t.is(await web.process.end(), 0);
  t.is(await api.process.end(), 0);
});
