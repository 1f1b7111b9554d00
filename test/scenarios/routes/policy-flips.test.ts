/**
 * The rules of authorization change while requests go through a route, on one connection of the application: each flip
 * is in force soon, as 403 and as answers, and no answer is ever anything else.
 */
import { Agent } from 'node:http';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  http: [{name: web, parentRefs: [{name: web, port: 80}], rules: [{retry: {attempts: 1}}]}]
`;
const DENIED = `${ROUTE}authorization:
  namespace: default
  rules: [{name: shut, action: deny, from: [caller], to: [web]}]
`;

test('a denial and its end reach the next request', async (t) => {
  const { ports, apply, endpoint, knows, caller } = await startRoutedMesh(t, ['web']);
  const [port = 0] = ports;
  const app = await startRecordingApp(t, 'a');
  await endpoint('web', app.port);
  await knows('web', 1);
  await apply(ROUTE);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const others: number[] = [];
  const until = async (wanted: number): Promise<void> => {
    await eventually(`the answer is ${wanted}`, async () => {
      const { status } = await ask(port, '/', { agent });
      if (status !== 200 && status !== 403) others.push(status);
      return status === wanted || undefined;
    });
  };
  for (let flip = 0; flip < 3; flip += 1) {
    await until(200);
    await apply(DENIED);
    await until(403);
    const before = app.requests.length;
    t.is((await ask(port, '/', { agent })).status, 403);
    t.is(app.requests.length, before);
    await apply(ROUTE);
  }
  await until(200);
  t.deepEqual(others, []);
  const labels = { reason: 'denied' };
  t.true((await caller.metrics()).sum('hauberk_route_requests_refused_total', labels) >= 3);
});
