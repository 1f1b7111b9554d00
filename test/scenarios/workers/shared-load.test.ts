/**
 * A sidecar with two workers is one sidecar to everybody else: one certificate, one endpoint, one port
 * each, and metrics that are the sum. Inside, tunnels are dealt out one by one, and connections of the
 * application are shared as the system does it.
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { childrenOf, isAlive, workerPids } from '../../helpers/mesh/workers.ts';

const WORKERS = ['--workers=2'];
const OPENED = 'hauberk_connections_opened_total';
const BY_WORKER = 'hauberk_worker_connections_opened_total';

test.serial('two workers on each side carry what one would', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, args: WORKERS });
  const token = await mesh.token();
  const web = await mesh.sidecar({
    service: 'web',
    upstreams: ['api:8080'],
    args: WORKERS,
    token: '',
    env: { HAUBERK_TOKEN: token },
  });
  const [port = 0] = web.upstreamPorts;

  const pids = await workerPids(web.process, 2);
  t.is(new Set([web.process.pid, ...pids]).size, 3, 'three processes');
  for (const pid of pids) {
    t.regex(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /workers\/main\.ts/);
    t.false(readFileSync(`/proc/${pid}/environ`, 'latin1').includes(token), 'the token stays out');
  }
  t.true(readFileSync(`/proc/${web.process.pid}/environ`, 'latin1').includes(token));

  // Each worker of the caller has a tunnel of its own, and each worker of the callee gets one.
  const load = startHttpLoad(t, { port, concurrency: 8, keepAlive: false });
  await load.more(200);
  t.deepEqual((await load.stop()).failures, []);
  const [callee, caller] = await carryingNothing([api, web]);
  const connections = caller?.sum(OPENED) ?? 0;
  for (const metrics of [caller, callee]) {
    t.is(metrics?.sum('hauberk_workers_ready'), 2);
    const [one = 0, two = 0] = ['1', '2'].map((worker) => metrics?.sum(BY_WORKER, { worker }) ?? 0);
    t.true(one > 0 && two > 0, `both have carried: ${one} and ${two}`);
    t.is(one + two, connections);
    t.is(metrics?.sum(OPENED), connections);
    t.is(metrics?.sum('hauberk_connections_closed_total', { reason: 'complete' }), connections);
    t.is(metrics?.sum('hauberk_connection_duration_seconds_count'), connections);
    t.is(metrics?.sum('hauberk_control_plane_connected'), 1);
    t.is(metrics?.text.match(/^hauberk_build_info/gm)?.length, 1);
    t.is(metrics?.text.match(/^hauberk_certificate_not_after_timestamp_seconds /gm)?.length, 1);
  }
  for (const worker of ['1', '2']) {
    t.is(callee?.sum('hauberk_worker_tunnels_open', { worker }), 1);
  }

  const { stdout } = await mesh.admin(['status', '--json']);
  const { sidecars } = JSON.parse(stdout) as { sidecars: { service: string }[] };
  t.deepEqual(sidecars.map(({ service }) => service).sort(), ['api', 'web'], 'one sidecar each');
});

test.serial('a sidecar with workers ends as one without, and its workers with it', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  await mesh.sidecar({ service: 'api', expose });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'], args: WORKERS });
  const [port = 0] = web.upstreamPorts;
  const pids = await workerPids(web.process, 2);
  const held = Array.from({ length: 8 }, () => getOnce(port, '/held'));
  await eventually('the application has all of them', () => (app.held === 8 ? true : undefined));
  web.process.signal('SIGTERM');
  await eventually('nothing new is taken', () =>
    getOnce(port).then(
      () => undefined,
      () => true,
    ),
  );
  app.release();
  t.deepEqual(
    await Promise.all(held),
    held.map(() => 'api'),
  );
  t.is(await web.process.exited, 0);
  t.is((await web.process.logged('drained'))['outcome'], 'idle');
  for (const pid of pids) t.false(isAlive(pid), `worker ${pid} has ended`);
});

test.serial('workers do not outlive a primary that was killed', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  const api = await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'], args: WORKERS });
  const pids = await workerPids(web.process, 2);
  t.deepEqual(childrenOf(api.process.pid), [], 'a sidecar without workers starts nothing');
  t.deepEqual(new Set(childrenOf(web.process.pid)), new Set(pids));
  const client = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  client.write('hello');
  t.is(await readText(client, 5), 'hello');
  web.process.signal('SIGKILL');
  t.is(await within('the connection ends', endOf(client)), 'reset', 'and not as if it ended well');
  await eventually('both have ended', () => (pids.some(isAlive) ? undefined : true));
});
