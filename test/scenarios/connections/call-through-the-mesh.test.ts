/**
 * A web service calls an API by a local port. The API's sidecar sees who called; both ends count the
 * same bytes; after SIGTERM both sidecars end with 0 and nothing is left open.
 */
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { eventually } from '../../helpers/deadline.ts';

test('a call goes app -> sidecar -> mTLS -> sidecar -> app', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'hello from api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;

  const load = startHttpLoad(t, { port });
  await load.more(200);
  const { requests, failures, bodies } = await load.stop();
  t.deepEqual(failures, []);
  t.is(bodies.get('hello from api'), requests);
  t.is(app.served, requests);

  const idle = await eventually('the connections of the load are closed', async () => {
    const metrics = await web.metrics();
    return metrics.sum('hauberk_connections_open') === 0 ? metrics : undefined;
  });
  const apiMetrics = await eventually('the API has no connections either', async () => {
    const metrics = await api.metrics();
    return metrics.sum('hauberk_connections_open') === 0 ? metrics : undefined;
  });
  const toApi = { direction: 'outbound', peer: 'spiffe://mesh.local/ns/default/sa/api' };
  const fromWeb = { direction: 'inbound', peer: 'spiffe://mesh.local/ns/default/sa/web' };
  t.true(idle.sum('hauberk_bytes_sent_total', toApi) > 0);
  t.is(
    idle.sum('hauberk_bytes_sent_total', toApi),
    apiMetrics.sum('hauberk_bytes_received_total', fromWeb),
  );
  t.is(
    idle.sum('hauberk_bytes_received_total', toApi),
    apiMetrics.sum('hauberk_bytes_sent_total', fromWeb),
  );
  t.is(idle.sum('hauberk_connections_failed_total'), 0);
  t.is(apiMetrics.sum('hauberk_connections_failed_total'), 0);

  t.is(await web.process.end(), 0);
  t.is(await api.process.end(), 0);
  t.is(await mesh.controlPlane.process.end(), 0);
});
