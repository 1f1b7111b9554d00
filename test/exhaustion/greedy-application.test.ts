/**
 * An application opens as many connections as it can through its own sidecar, which has few descriptors. The
 * sidecar lives and answers; whoever calls that application is served all the while; and when it lets go
 * everything is as before.
 */
import test from 'ava';
import { eventually } from '../helpers/deadline.ts';
import { startHttpApp } from '../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../helpers/clients/http-load.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { hoard } from './hoard.ts';
import { withDescriptors } from './limits.ts';

const EVERYTHING_IS_BACK_MS = 5_000;

for (const [descriptors, greedy, workers] of [
  [64, 60, 1],
  [256, 300, 1],
  [256, 600, 2],
] as const) {
  test.serial(
    `${descriptors} descriptors outlast a greedy application, workers: ${workers}`,
    async (t) => {
      const mesh = await startMesh(t);
      const [api, web] = [await startHttpApp(t, 'api'), await startHttpApp(t, 'web')];
      const called = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${api.port}`] });
      const greedyOne = await mesh.sidecar({
        service: 'web',
        expose: [`8081=127.0.0.1:${web.port}`],
        upstreams: ['api:8080'],
        args: [`--workers=${workers}`],
        through: withDescriptors(descriptors),
      });
      const caller = await mesh.sidecar({ service: 'caller', upstreams: ['web:8081'] });
      const [greedyPort = 0] = greedyOne.upstreamPorts;
      const [honestPort = 0] = caller.upstreamPorts;
      t.is(await getOnce(greedyPort), 'api');
      t.is(await getOnce(honestPort), 'web');
      const used = async (): Promise<number> =>
        (await greedyOne.metrics()).sum('hauberk_descriptors', { state: 'used' });
      const idle = await used();

      const load = startHttpLoad(t, {
        port: honestPort,
        // What has ended may be counted for a moment longer: with four descriptors it loses nothing.
        concurrency: descriptors === 64 ? 1 : 2,
        keepAlive: false,
        paceMs: 20,
      });
      const greed = hoard(t, greedyPort, greedy);
      await eventually('the application is refused', () => greed.refused > 0 || undefined);
      await load.more(40);
      t.deepEqual((await load.stop()).failures, [], 'whoever calls it lost nothing');
      const metrics = await greedyOne.metrics();
      t.true(metrics.sum('hauberk_budget_refusals_total', { reason: 'peer-limit' }) > 0);
      for (const path of ['/healthz', '/readyz', '/healthz/ready', '/metrics']) {
        t.is((await fetch(`http://127.0.0.1:${greedyOne.metricsPort}${path}`)).status, 200, path);
      }

      greed.letGo();
      await eventually(
        'everything is back',
        async () => ((await used()) <= idle + 4 ? true : undefined),
        EVERYTHING_IS_BACK_MS,
      );
      t.is(await getOnce(greedyPort), 'api');
      t.is(await greedyOne.process.end(), 0);
      t.is(await called.process.end(), 0);
    },
  );
}
