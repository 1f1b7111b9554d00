/**
 * Routes come, change and go under load, on connections that stay open: each change is in force for the next request, no request
 * fails, and a connection that was served by a route goes on when the route has gone.
 */
import { Agent } from 'node:http';
import test from 'ava';
import { ask, startRecordingApp, type Heard } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

function canary(stable: number, share: number): string {
  return `routes:
  namespace: default
  http:
    - name: web
      parentRefs: [{name: web, port: 80}]
      rules:
        - filters:
            - type: ResponseHeaderModifier
              responseHeaderModifier: {set: [{name: x-version, value: '${share}'}]}
          backendRefs:
            - {name: web, port: 80, weight: ${stable}}
            - {name: canary, port: 80, weight: ${share}}
`;
}

test('a canary is rolled out and back without a failed request', async (t) => {
  const { ports, apply, endpoint, knows, caller } = await startRoutedMesh(t, ['web']);
  const [port = 0] = ports;
  await endpoint('web', (await startRecordingApp(t, 'stable')).port);
  await endpoint('canary', (await startRecordingApp(t, 'canary')).port);
  await knows('web', 1);
  await apply(canary(9, 1));
  await knows('canary', 1);

  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  t.teardown(() => agent.destroy());
  const failed: unknown[] = [];
  let isOver = false;
  const load = async (): Promise<void> => {
    while (!isOver) {
      try {
        const { status } = await ask(port, '/', { agent });
        if (status !== 200) failed.push(status);
      } catch (error) {
        failed.push(error);
      }
    }
  };
  const lanes = [load(), load()];
  const share = async (): Promise<{ canary: number; version: string | undefined }> => {
    let count = 0;
    let last: Heard | undefined;
    for (let at = 0; at < 100; at += 1) {
      last = await ask(port, '/', { agent });
      if (last.body === 'canary') count += 1;
    }
    return { canary: count, version: last?.headers['x-version']?.toString() };
  };
  const small = await share();
  t.true(small.canary > 0 && small.canary < 30, JSON.stringify(small));
  t.is(small.version, '1');
  await apply(canary(1, 9));
  const large = await share();
  t.true(large.canary > 70 && large.canary < 100, JSON.stringify(large));
  t.is(large.version, '9');
  await apply(canary(0, 5));
  t.is((await share()).canary, 100);
  await apply('{}');
  const without = await share();
  t.is(without.canary, 0);
  t.is(without.version, undefined);
  isOver = true;
  await Promise.all(lanes);
  t.deepEqual(failed, []);
  const samples = await caller.metrics();
  t.is(samples.sum('hauberk_route_requests_refused_total'), 0);
});
