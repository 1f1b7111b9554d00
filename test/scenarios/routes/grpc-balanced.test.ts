/**
 * A gRPC channel is one connection. Without a route all of its calls go to one endpoint; with one they are
 * balanced call by call, also over endpoints that come later, and streams go on meanwhile.
 */
import { once } from 'node:events';
import { status as GRPC } from '@grpc/grpc-js';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { openChannel, startGrpcApp } from '../../helpers/servers/grpc-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  grpc:
    - name: orders
      parentRefs: [{name: orders, port: 80}]
`;

test('the calls of one channel reach every endpoint', async (t) => {
  const { ports, apply, endpoint, knows, caller } = await startRoutedMesh(t, ['orders']);
  const [port = 0] = ports;
  const apps = [await startGrpcApp(t, 'a'), await startGrpcApp(t, 'b'), await startGrpcApp(t, 'c')];
  const [first, second, third] = apps;
  await endpoint('orders', first?.port ?? 0);
  await endpoint('orders', second?.port ?? 0);
  await knows('orders', 2);

  const bytes = openChannel(t, port);
  for (let at = 0; at < 10; at += 1) t.is((await bytes.name()).code, GRPC.OK);
  t.is(apps.filter(({ calls }) => calls > 0).length, 1, 'as bytes, all go the same way');

  await apply(ROUTE);
  const channel = openChannel(t, port);
  const stream = channel.chat();
  const heard: string[] = [];
  stream.on('data', (message: Buffer) => heard.push(message.toString()));
  stream.on('error', () => {});
  stream.write(Buffer.from('before'));
  await eventually('an answer on the stream', () => heard.length > 0 || undefined);
  const before = apps.map(({ calls }) => calls);
  for (let at = 0; at < 6; at += 1) {
    // At a time: one after the other, all would go where the stream is not.
    const calls = await Promise.all(Array.from({ length: 10 }, () => channel.name()));
    t.true(calls.every(({ code }) => code === GRPC.OK));
  }
  const since = apps.map(({ calls }, at) => calls - (before[at] ?? 0));
  t.true((since[0] ?? 0) >= 10 && (since[1] ?? 0) >= 10, String(since));

  await endpoint('orders', third?.port ?? 0);
  await knows('orders', 3);
  await eventually('the new endpoint is called on the same channel', async () => {
    t.is((await channel.name()).code, GRPC.OK);
    return (third?.calls ?? 0) > 0 || undefined;
  });
  stream.write(Buffer.from('after'));
  stream.end();
  const [{ code }] = (await once(stream, 'status')) as [{ code: number }];
  t.is(code, GRPC.OK);
  t.is(heard.length, 3);
  t.true(heard[1]?.endsWith(':after') === true && heard[2]?.endsWith(' ends') === true);

  const samples = await caller.metrics();
  const refused = samples.sum('hauberk_route_requests_refused_total');
  t.is(refused, 0);
  t.is(samples.sum('hauberk_route_requests_active'), 0);
  const labels = { direction: 'outbound', protocol: 'grpc', status: 'OK' };
  t.true(samples.sum('hauberk_requests_total', labels) >= 61, 'counted like those that are seen');
});
