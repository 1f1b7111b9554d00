/**
 * Certificates live for seconds, so that every sidecar's is replaced while requests go through a route: over kept connections, whose
 * tunnels get successors. No request fails, whatever its method, and none is done twice.
 */
import test from 'ava';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  http: [{name: web, parentRefs: [{name: web, port: 80}]}]
`;

/** Renewed after a half to two thirds of it. */
const LIFETIME_SECONDS = 12;

test('no request notices that certificates are replaced', async (t) => {
  const { ports, apply, endpoint, knows, caller } = await startRoutedMesh(t, ['web'], [], {
    leafLifetimeSeconds: LIFETIME_SECONDS,
  });
  const [port = 0] = ports;
  const apps = [await startRecordingApp(t, 'a'), await startRecordingApp(t, 'b')];
  for (const app of apps) await endpoint('web', app.port);
  await knows('web', 2);
  await apply(ROUTE);
  const failed: string[] = [];
  let isOver = false;
  const call = async (lane: number): Promise<void> => {
    for (let at = 0; !isOver; at += 1) {
      const path = `/${lane}/${at}`;
      const answer = await ask(port, path, { method: 'POST', body: 'once' }).catch(String);
      if (typeof answer === 'string' || answer.status !== 200) {
        failed.push(`${path}: ${JSON.stringify(answer)}`);
      }
    }
  };
  const lanes = [0, 1, 2].map(call);
  const renewals = async (): Promise<number> =>
    (await caller.metrics()).sum('hauberk_certificate_renewals_total');
  // The first of them may be over before the load.
  while ((await renewals()) < 3) await new Promise((resolve) => setTimeout(resolve, 100));
  isOver = true;
  await Promise.all(lanes);
  t.deepEqual(failed, []);
  const urls = apps.flatMap(({ requests }) => requests.map(({ url }) => url));
  t.is(new Set(urls).size, urls.length, 'none was done twice');
  const samples = await caller.metrics();
  t.true(samples.sum('hauberk_tunnels_opened_total', { direction: 'outbound' }) > 2);
  t.is(samples.sum('hauberk_route_requests_refused_total'), 0);
});
