/**
 * Each of three endpoints is restarted under load, one after the other, as an operator does it: no request fails, whatever its method,
 * and none is done twice. Then the caller's own sidecar ends: what is under way is answered before.
 */
import test from 'ava';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { startRoutedMesh } from './routed-mesh.ts';

const ROUTE = `routes:
  namespace: default
  http: [{name: web, parentRefs: [{name: web, port: 80}]}]
`;

const REQUESTS = 60;

test('a rolling restart costs no request', async (t) => {
  const { ports, apply, endpoint, knows, mesh, caller } = await startRoutedMesh(t, ['web']);
  const [port = 0] = ports;
  const apps = [];
  for (const name of ['a', 'b', 'c']) {
    apps.push(
      await startRecordingApp(t, name, (response, { url }) => {
        if (url === '/slow') setTimeout(() => response.end(name), 500);
        else response.end(name);
      }),
    );
  }
  const sidecars = [];
  for (const app of apps) sidecars.push(await endpoint('web', app.port));
  await knows('web', 3);
  await apply(ROUTE);

  let sent = 0;
  let isOver = false;
  const failed: string[] = [];
  const call = async (lane: number): Promise<void> => {
    for (let at = 0; !isOver; at += 1) {
      const path = `/${lane}/${at}`;
      const answer = await ask(port, path, { method: 'POST', body: 'once' }).catch(String);
      sent += 1;
      if (typeof answer === 'string' || answer.status !== 200) {
        failed.push(`${path}: ${JSON.stringify(answer)}`);
      }
    }
  };
  const lanes = [0, 1, 2, 3].map(call);
  const more = async (): Promise<void> => {
    const until = sent + REQUESTS;
    while (sent < until) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await more();
  for (const sidecar of sidecars) {
    await sidecar.process.end('SIGTERM');
    await more();
    await mesh.revive(sidecar);
    await knows('web', 3);
    await more();
  }
  isOver = true;
  await Promise.all(lanes);
  t.deepEqual(failed, []);
  const urls = apps.flatMap(({ requests }) => requests.map(({ url }) => url));
  t.is(new Set(urls).size, urls.length, 'none was done twice');

  const slow = ask(port, '/slow');
  while (apps.every(({ requests }) => requests.at(-1)?.url !== '/slow')) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const ended = caller.process.end('SIGTERM');
  t.is((await slow).status, 200);
  await ended;
});
