// The disk of a sidecar's state becomes one that can only be read, as the kernel does when it finds an error
// on it. Calls go on, and certificates are renewed in memory. Whatever is started on such a disk ends, and
// says why.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { runScenario } from './run-scenario.ts';

interface Ending {
  readonly exit: number | string;
  readonly said: string;
}

/** What the test asserts. */
export interface ReadOnlyResult {
  readonly renewals: number;
  readonly statuses: readonly number[];
  readonly failures: readonly string[];
  readonly requests: number;
  readonly exits: readonly (number | string)[];
  /** How a sidecar ends that is started there, and what it says. */
  readonly restart: Ending;
  /** And a control plane. */
  readonly controlPlane: Ending;
}

await runScenario(async (scope): Promise<ReadOnlyResult> => {
  const mesh = await startMesh(scope);
  const app = await startHttpApp(scope, 'api');
  const stateDirectory = path.join(mesh.directory, 'state');
  mkdirSync(stateDirectory);
  mount(`-t tmpfs -o size=1m,mode=0700 tmpfs ${stateDirectory}`);
  scope.teardown(() => {
    for (const _ of ['the one that can be read', 'the one below']) {
      spawnSync('umount', ['--lazy', stateDirectory]);
    }
  });
  const api = await mesh.sidecar({
    service: 'api',
    expose: [`8080=127.0.0.1:${app.port}`],
    args: ['--certificate-lifetime=10s'],
    stateDirectory,
  });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  const load = startHttpLoad(scope, { port, concurrency: 2, keepAlive: false, paceMs: 20 });
  await load.more(10);

  // Over the other: what is open there for writing would not let it become read-only.
  mount(`--bind ${stateDirectory} ${stateDirectory}`);
  mount(`-o remount,bind,ro ${stateDirectory}`);
  await api.process.logged('renewed');
  await load.more(50);
  const statuses = await Promise.all(
    [api.metricsPort, web.metricsPort].map(
      async (at) => (await fetch(`http://127.0.0.1:${at}/healthz/ready`)).status,
    ),
  );
  const renewals = (await api.metrics()).sum('hauberk_certificate_renewals_total');
  const { failures, requests } = await load.stop();
  const exits = [await api.process.end()];
  const again = await mesh.launch({ service: 'api', stateDirectory, token: '' });
  const restart = { exit: await again.exited, said: again.output() };
  exits.push(await web.process.end());

  const data = path.join(mesh.directory, 'data');
  mkdirSync(data);
  mount(`-t tmpfs -o ro tmpfs ${data}`);
  scope.teardown(() => spawnSync('umount', ['--lazy', data]));
  const other = startHauberk([
    'control-plane',
    `--data-dir=${data}`,
    '--grpc-listen=127.0.0.1:0',
    '--http-listen=127.0.0.1:0',
  ]);
  const controlPlane = { exit: await other.exited, said: other.output() };
  return { renewals, statuses, failures, requests, restart, exits, controlPlane };
});

function mount(args: string): void {
  const { status, stderr } = spawnSync('mount', args.split(' '), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args}: ${stderr}`);
}
