// The data directory of the control plane and the state directories of the sidecars are on one disk of a few
// MB, which somebody fills. Calls go on, renewals go on in memory, nothing ends; when there is room again,
// everything is written again.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { fill, smallDisk } from './fill-disk.ts';
import { runScenario } from './run-scenario.ts';

/** What the test asserts. */
export interface FullDiskResult {
  /** What a command says that needs the disk. */
  readonly refused: string;
  readonly statuses: readonly number[];
  readonly failures: readonly string[];
  readonly requests: number;
  readonly backMs: number;
  readonly exits: readonly (number | string)[];
}

await runScenario(async (scope): Promise<FullDiskResult> => {
  const disk = smallDisk(scope, 24);
  const mesh = await startMesh(scope);
  const app = await startHttpApp(scope, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const args = ['--certificate-lifetime=10s'];
  const api = await mesh.sidecar({ service: 'api', expose, args });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  const load = startHttpLoad(scope, { port, concurrency: 2, keepAlive: false, paceMs: 20 });
  await load.more(10);

  const filler = path.join(disk, 'filler');
  fill(filler);
  const { stderr } = await mesh.admin(['token', 'create', '--namespace=default']);
  await load.more(50);
  await api.process.logged('renewal-failed');
  const ports = [mesh.controlPlane.httpPort, api.metricsPort, web.metricsPort];
  const statuses = await Promise.all(
    ports.map(async (at) => (await fetch(`http://127.0.0.1:${at}/healthz`)).status),
  );
  rmSync(filler);
  const freeMs = performance.now();
  await eventually('tokens can be made again', async () => {
    const { code } = await mesh.admin(['token', 'create', '--namespace=default']);
    return code === 0 || undefined;
  });
  await api.process.logged('renewed');
  const backMs = performance.now() - freeMs;
  await load.more(10);
  const { failures, requests } = await load.stop();
  const processes = [api.process, web.process, mesh.controlPlane.process];
  const exits = await Promise.all(processes.map((process) => process.end()));
  return { refused: stderr, statuses, failures, requests, backMs, exits };
});
