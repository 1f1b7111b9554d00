/**
 * What changes in the mesh is in force in every worker: a revocation cuts the tunnels of the revoked
 * in all of them, a policy lets nobody in through any of them, and a renewed certificate is in use
 * everywhere.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Mesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const WORKERS = ['--workers=2'];

/** Both workers of the callee have a tunnel of a caller that has two workers itself. */
async function callInBoth(api: Sidecar): Promise<void> {
  await eventually('both workers have a tunnel', async () => {
    const metrics = await api.metrics();
    const both = ['1', '2'].every(
      (worker) => metrics.sum('hauberk_worker_tunnels_open', { worker }) === 1,
    );
    return both ? true : undefined;
  });
}

async function openCalls(scope: Parameters<typeof connectTcp>[0], port: number) {
  const calls: Socket[] = [];
  for (let at = 0; at < 12; at += 1) {
    const client = await connectTcp(scope, port);
    client.write('x');
    await readText(client, 1);
    calls.push(client);
  }
  return calls;
}

test.serial('a revocation ends the tunnels of the revoked in both workers', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  const expose = [`7000=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, args: WORKERS });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'], args: WORKERS });
  const [port = 0] = web.upstreamPorts;
  await callInBoth(api);
  const calls = await openCalls(t, port);
  const ends = Promise.all(calls.map((client) => endOf(client)));
  t.is((await mesh.admin(['revoke', 'default/web'])).code, 0);
  t.deepEqual(new Set(await within('all connections are cut', ends)), new Set(['reset']));
  const metrics = await eventually('both tunnels have ended', async () => {
    const now = await api.metrics();
    return now.sum('hauberk_tunnels_closed_total', { reason: 'revoked' }) === 2 ? now : undefined;
  });
  t.is(metrics.sum('hauberk_connections_open'), 0);
});

test.serial('a policy is in force in both workers when it is acknowledged', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, args: WORKERS });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'], args: WORKERS });
  const [port = 0] = web.upstreamPorts;
  await callInBoth(api);
  t.is(await getOnce(port), 'api');
  await apply(mesh, 'none');
  // Connections meet either worker: not one of so many is let in.
  const outcomes = await Promise.allSettled(Array.from({ length: 16 }, () => getOnce(port)));
  t.true(outcomes.every(({ status }) => status === 'rejected'));
  t.true(
    (await api.metrics()).sum('hauberk_connections_failed_total', { direction: 'inbound' }) >= 16,
  );
  await apply(mesh, 'mesh');
  const again = await Promise.all(Array.from({ length: 16 }, () => getOnce(port)));
  t.deepEqual(new Set(again), new Set(['api']));
});

test.serial('a renewal reaches both workers and ends no connection', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: 10 });
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, args: WORKERS });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'], args: WORKERS });
  const [port = 0] = web.upstreamPorts;
  const load = startHttpLoad(t, { port, concurrency: 8, paceMs: 5 });
  await api.process.logged('renewed', () => true, { times: 2, deadlineMs: 40_000 });
  await web.process.logged('renewed', () => true, { times: 2, deadlineMs: 40_000 });
  await load.more(100);
  t.deepEqual((await load.stop()).failures, []);
});

async function apply(mesh: Mesh, allow: 'mesh' | 'none'): Promise<void> {
  const file = join(mesh.directory, 'mesh.yaml');
  await writeFile(file, `authorization: {allow: ${allow}}\n`);
  const { code, stdout, stderr } = await mesh.admin(['apply', '-f', file, '--json']);
  if (code !== 0) throw new Error(stderr);
  const { sidecars } = JSON.parse(stdout) as { sidecars: { connected: number; reached: number } };
  if (sidecars.reached !== sidecars.connected) throw new Error(`not everywhere: ${stdout}`);
}
