/**
 * A service has two endpoints, and the sidecar of one is told to end under load. It says goodbye,
 * finishes what it carries and ends with 0; no request fails.
 */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test('an endpoint ends under load and no request fails', async (t) => {
  const mesh = await startMesh(t);
  const staying = await startHttpApp(t, 'staying');
  const leaving = await startHttpApp(t, 'leaving');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${staying.port}`] });
  const ended = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${leaving.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;

  const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 2 });
  await eventually('both endpoints serve', () =>
    staying.served > 20 && leaving.served > 20 ? true : undefined,
  );
  const held = [getOnce(port, '/held')];
  await eventually('the endpoint that will leave holds a request', () => {
    if (leaving.held > 0) return true;
    if (staying.held === held.length) held.push(getOnce(port, '/held'));
    return undefined;
  });

  ended.process.signal('SIGTERM');
  await eventually('the caller knows that the endpoint is leaving', async () => {
    const endpoints = (await web.metrics()).sum('hauberk_endpoints', { service: 'api.default' });
    return endpoints === 1 ? true : undefined;
  });
  await load.more(100);
  leaving.release();
  staying.release();
  t.is(await ended.process.exited, 0);
  await load.more(100);

  const answers = await Promise.all(held);
  t.true(answers.includes('leaving'), 'the request that it carried was finished');
  const { requests, failures, bodies } = await load.stop();
  t.deepEqual(failures, []);
  t.is((bodies.get('staying') ?? 0) + (bodies.get('leaving') ?? 0), requests);
  const [metrics] = await carryingNothing([web]);
  t.is(metrics?.sum('hauberk_connections_failed_total'), 0);
  t.is(metrics?.sum('hauberk_connections_closed_total', { reason: 'tunnel-lost' }), 0);
  const drained = ended.process.log.find(({ event }) => event === 'drained');
  t.is(drained?.['outcome'], 'idle');
  t.is(await web.process.end(), 0);
});
