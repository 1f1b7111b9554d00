/**
 * A service has two endpoints, and the sidecar of one is killed under load. The requests that it was
 * carrying fail, and only those: whatever comes later goes to the other one. When it is back, it
 * gets its share again.
 */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const HELD = 12;

test('only the requests in flight on the endpoint that was killed fail', async (t) => {
  const mesh = await startMesh(t);
  const staying = await startHttpApp(t, 'staying');
  const dying = await startHttpApp(t, 'dying');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${staying.port}`] });
  const killed = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${dying.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;

  const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 2 });
  await eventually('both endpoints serve', () =>
    staying.served > 20 && dying.served > 20 ? true : undefined,
  );
  const held = Array.from({ length: HELD }, () => getOnce(port, '/held'));
  const answers = Promise.allSettled(held);
  await eventually('both endpoints hold requests', () =>
    staying.held + dying.held === HELD ? true : undefined,
  );
  t.true(staying.held > 0 && dying.held > 0, 'the choice is spread over both');
  t.is(load.result.failed, 0);

  const heldByDying = dying.held;
  await killed.process.end('SIGKILL');
  const failedAtTheKill = await eventually('the load goes on', async () => {
    const { failed } = load.result;
    await load.more(50);
    return load.result.failed === failed ? failed : undefined;
  });
  staying.release();
  const settled = await answers;
  const lost = settled.filter(({ status }) => status === 'rejected').length;
  t.is(lost, heldByDying, 'of the long requests exactly those on it are lost');

  const afterKill = await web.metrics();
  const cut = afterKill.sum('hauberk_connections_closed_total', { reason: 'tunnel-lost' });
  // Its bytes had gone along with the CONNECT, so that no other endpoint may get them.
  const sent = afterKill.sum('hauberk_connections_failed_total', { reason: 'tunnel-lost' });
  t.true(lost + failedAtTheKill <= cut + sent, 'what failed was with the one that was killed');
  const failures = afterKill.sum('hauberk_connections_failed_total');
  t.is(failures, sent, 'nothing else could not be made');

  const servedBefore = dying.served;
  await mesh.revive(killed);
  await eventually(
    'the endpoint that is back serves again',
    () => (dying.served > servedBefore + 20 ? true : undefined),
    // It was put aside, for longer each time that it was not there.
    45_000,
  );
  const { requests, failed, bodies } = await load.stop();
  t.is(failed, failedAtTheKill, 'no request failed after that');
  t.is((bodies.get('staying') ?? 0) + (bodies.get('dying') ?? 0), requests - failed);
  await carryingNothing([web]);
  t.is(await web.process.end(), 0);
});
