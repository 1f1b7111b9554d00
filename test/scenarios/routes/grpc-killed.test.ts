/**
 * An endpoint of a gRPC service is killed, sidecar and all, without a word, while calls of one channel are under way everywhere. Calls that
 * it had may fail, at once and as UNAVAILABLE; no other does, none hangs, none is made twice, and what is killed comes back.
 */
import { status as GRPC } from '@grpc/grpc-js';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { openChannel, startGrpcApp, type GrpcApp } from '../../helpers/servers/grpc-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  grpc: [{name: orders, parentRefs: [{name: orders, port: 80}]}]
  backends: [{targetRefs: [{name: orders, port: 80}], outlierDetection: {baseEjectionTime: 1s}}]
`;

const LANES = 8;
const CALLS = 200;

test('only calls that were under way at the endpoint can fail', async (t) => {
  const { ports, apply, endpoint, knows, mesh, caller } = await startRoutedMesh(t, ['orders']);
  const [port = 0] = ports;
  const apps: GrpcApp[] = [];
  for (const name of ['a', 'b', 'c']) apps.push(await startGrpcApp(t, name));
  const sidecars = [];
  for (const app of apps) sidecars.push(await endpoint('orders', app.port));
  await knows('orders', 3);
  await apply(ROUTE);

  const channel = openChannel(t, port);
  const failed: GRPC[] = [];
  let answered = 0;
  let isOver = false;
  const call = async (): Promise<void> => {
    while (!isOver) {
      const { code } = await channel.name();
      if (code === GRPC.OK) answered += 1;
      else failed.push(code);
    }
  };
  const lanes = Array.from({ length: LANES }, call);
  const more = async (): Promise<void> => {
    const until = answered + CALLS;
    await eventually(`${CALLS} more answers`, () => answered >= until || undefined);
  };
  await more();
  const [victim] = sidecars;
  await victim?.process.end('SIGKILL');
  await more();
  if (victim !== undefined) await mesh.revive(victim);
  await knows('orders', 3);
  const before = apps[0]?.calls ?? 0;
  await eventually('the revived endpoint is called', () =>
    (apps[0]?.calls ?? 0) > before ? true : undefined,
  );
  isOver = true;
  await Promise.all(lanes);

  t.true(failed.length <= LANES, String(failed));
  t.true(
    failed.every((code) => code === GRPC.UNAVAILABLE),
    String(failed),
  );
  const calls = apps.reduce((sum, app) => sum + app.calls, 0);
  t.true(calls <= answered + failed.length, `${calls} calls, ${answered} answers`);
  t.is((await caller.metrics()).sum('hauberk_route_requests_active'), 0);
});
