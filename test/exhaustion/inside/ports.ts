// Everything in one network whose system has 200 local ports for each place. `thief` keeps as many
// connections to the application as it gets; `web` opens one after the other.
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { hoard } from '../hoard.ts';
import { runScenario } from './run-scenario.ts';

/** What the test asserts. */
export interface PortsResult {
  readonly kept: number;
  readonly refusals: number;
  readonly failures: readonly string[];
  readonly requests: number;
  readonly backMs: number;
  readonly exits: readonly (number | string)[];
}

await runScenario(async (scope): Promise<PortsResult> => {
  const mesh = await startMesh(scope);
  const app = await startHttpApp(scope, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const thief = await mesh.sidecar({ service: 'thief', upstreams: ['api:8080'] });
  const [honestPort = 0] = web.upstreamPorts;
  const [greedyPort = 0] = thief.upstreamPorts;
  await getOnce(greedyPort);
  const load = startHttpLoad(scope, {
    port: honestPort,
    concurrency: 2,
    keepAlive: false,
    paceMs: 25,
  });
  await load.more(10);
  const greed = hoard(scope, greedyPort, 180);
  await eventually('the greedy one has its share', () => greed.refused > 0 || undefined);
  await load.more(60);
  const refusals = (await api.metrics()).sum('hauberk_budget_refusals_total', {
    reason: 'peer-limit',
  });
  const kept = greed.open;
  const { failures, requests } = await load.stop();
  greed.letGo();
  const letGoMs = performance.now();
  await eventually('the greedy one is served again', () =>
    getOnce(greedyPort).then(
      () => true,
      () => undefined,
    ),
  );
  const backMs = performance.now() - letGoMs;
  const processes = [api.process, web.process, thief.process];
  const exits = await Promise.all(processes.map((process) => process.end()));
  return { kept, refusals, failures, requests, backMs, exits };
});
