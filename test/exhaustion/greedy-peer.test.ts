/**
 * A permitted peer opens as many connections as it can to a sidecar with few descriptors, and keeps them.
 * The sidecar lives; it says whom it refuses and why; its health and its metrics answer; another caller is
 * served all the while; and when the greedy one is gone everything is as before.
 */
import test from 'ava';
import { eventually } from '../helpers/deadline.ts';
import { getOnce, startHttpLoad } from '../helpers/clients/http-load.ts';
import { startHttpApp } from '../helpers/servers/http-app.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { hoard } from './hoard.ts';
import { withDescriptors } from './limits.ts';

const EVERYTHING_IS_BACK_MS = 5_000;

for (const [descriptors, greedy] of [
  [64, 60],
  [256, 300],
  [4_096, 4_000],
] as const) {
  test.serial(`${descriptors} descriptors outlast a greedy peer`, async (t) => {
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'api');
    const api = await mesh.sidecar({
      service: 'api',
      expose: [`8080=127.0.0.1:${app.port}`],
      through: withDescriptors(descriptors),
    });
    const [web, thief] = await Promise.all([
      mesh.sidecar({ service: 'web', upstreams: ['api:8080'] }),
      mesh.sidecar({ service: 'thief', upstreams: ['api:8080'] }),
    ]);
    const [honestPort = 0] = web.upstreamPorts;
    const [greedyPort = 0] = thief.upstreamPorts;
    t.is(await getOnce(honestPort), 'api');
    const idle = (await api.metrics()).sum('hauberk_descriptors', { state: 'used' });
    t.is((await api.metrics()).sum('hauberk_descriptors', { state: 'limit' }), descriptors);

    const load = startHttpLoad(t, {
      port: honestPort,
      // What has ended may be counted for a moment longer: with four descriptors it loses nothing.
      concurrency: descriptors === 64 ? 1 : 2,
      keepAlive: false,
      paceMs: 20,
    });
    const greed = hoard(t, greedyPort, greedy);
    const full = await eventually('the greedy peer is refused', async () => {
      const metrics = await api.metrics();
      return metrics.sum('hauberk_budget_refusals_total', { reason: 'peer-limit' }) > 0
        ? metrics
        : undefined;
    });
    const used = full.sum('hauberk_descriptors', { state: 'used' });
    t.true(used < full.sum('hauberk_descriptors', { state: 'capacity' }), `${used} are used`);
    for (const path of ['/healthz', '/readyz', '/healthz/ready', '/metrics']) {
      const response = await fetch(`http://127.0.0.1:${api.metricsPort}${path}`);
      t.is(response.status, 200, path);
    }
    await load.more(20);
    t.deepEqual((await load.stop()).failures, [], 'the honest caller lost nothing');

    greed.letGo();
    await eventually(
      'everything is back',
      async () =>
        (await api.metrics()).sum('hauberk_descriptors', { state: 'used' }) <= idle + 2
          ? true
          : undefined,
      EVERYTHING_IS_BACK_MS,
    );
    t.is(await getOnce(greedyPort), 'api');
    t.true(greed.refused > 0);
    const lines = api.process.log.filter(({ reason }) => reason === 'peer-limit');
    t.true(lines.length > 0 && lines.length < 20, `${lines.length} lines, not one for each`);
    t.is(await api.process.end(), 0);
  });
}

test.serial('a limit below what a program can work with is one sentence', async (t) => {
  const mesh = await startMesh(t);
  const sidecar = await mesh.launch({ service: 'api', through: withDescriptors(50) });
  t.is(await sidecar.exited, 2);
  t.regex(
    sidecar.output(),
    /^hauberk proxy: this process may open 50 files and connections, and needs at least 64; raise/,
  );
});
