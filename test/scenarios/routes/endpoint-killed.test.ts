/**
 * One of three endpoints is killed under load, application and sidecar, and comes back. No GET fails, as it may be sent
 * again; a POST may fail, but no POST is done twice: the applications count.
 */
import test from 'ava';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  http:
    - name: web
      parentRefs: [{name: web, port: 80}]
      rules:
        - retry: {attempts: 3, backoff: 5ms}
  backends:
    - targetRefs: [{name: web, port: 80}]
      retryConstraint: {minRetryRate: {count: 100}}
`;

const REQUESTS_BEFORE = 100;
const REQUESTS_AFTER = 300;

test('no request fails that may be sent again, and none is done twice that may not', async (t) => {
  const { ports, apply, endpoint, knows, mesh, caller } = await startRoutedMesh(t, ['web']);
  const [port = 0] = ports;
  const apps = [];
  for (const name of ['a', 'b', 'c']) apps.push(await startRecordingApp(t, name));
  const sidecars = [];
  for (const app of apps) sidecars.push(await endpoint('web', app.port));
  await knows('web', 3);
  await apply(ROUTE);

  let sent = 0;
  let isOver = false;
  const failed: string[] = [];
  const call = async (lane: number): Promise<void> => {
    for (let at = 0; !isOver; at += 1) {
      const isPost = at % 4 === 3;
      const path = `/${lane}/${at}`;
      const options = isPost ? { method: 'POST', body: 'once' } : {};
      const answer = await ask(port, path, options).catch(String);
      sent += 1;
      const isBad = typeof answer === 'string' || answer.status !== 200;
      if (isBad && !isPost) failed.push(`${path}: ${JSON.stringify(answer)}`);
    }
  };
  const lanes = [0, 1, 2, 3].map(call);
  const after = async (count: number): Promise<void> => {
    const until = sent + count;
    while (sent < until) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await after(REQUESTS_BEFORE);
  const [victim] = sidecars;
  await victim?.process.end('SIGKILL');
  await after(REQUESTS_AFTER);
  if (victim !== undefined) await mesh.revive(victim);
  await knows('web', 3);
  await after(REQUESTS_AFTER);
  isOver = true;
  await Promise.all(lanes);

  t.deepEqual(failed, []);
  const posts = apps.flatMap(({ requests }) =>
    requests.filter(({ method }) => method === 'POST').map(({ url }) => url),
  );
  t.true(posts.length > 0);
  t.is(new Set(posts).size, posts.length, 'no POST was done twice');
  const samples = await caller.metrics();
  t.is(samples.sum('hauberk_route_requests_active'), 0);
  t.true(samples.sum('hauberk_route_retries_total') > 0);
});
