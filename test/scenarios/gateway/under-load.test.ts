/**
 * Everything that an operator does to a mesh under load: certificates rotate, endpoints are restarted one after the other,
 * the gateway's routes change, and at last one endpoint is killed. The services count what they get: no request through the gateway
 * fails where it may be sent again, and none that may not is sent twice.
 */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import type { Scope } from '../../helpers/scope.ts';
import { ask, type RecordingApp, startRecordingApp } from '../../helpers/servers/recording-app.ts';

const LIFETIME_SECONDS = 12;
const LANES = 4;
const REQUESTS = 60;

const routed = (prefix: string): string => `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes: [{pathPrefix: ${prefix}, backend: 'web:80'}, {backend: 'web:80'}]
`;

/** Lanes of requests, one after the other in each, until they are stopped. */
function startLanes(scope: Scope, port: number, method: 'GET' | 'POST') {
  const failed: string[] = [];
  let sent = 0;
  let isOver = false;
  const lane = async (number: number): Promise<void> => {
    for (let at = 0; !isOver; at += 1) {
      const path = `/${method}/${number}/${at}`;
      const options = method === 'POST' ? { method, body: 'once' } : {};
      const answer = await ask(port, path, options).catch(String);
      sent += 1;
      if (typeof answer === 'string' || answer.status !== 200)
        failed.push(`${path}: ${JSON.stringify(answer)}`);
    }
  };
  const lanes = Array.from({ length: LANES }, (_, number) => lane(number));
  const stop = async (): Promise<void> => {
    isOver = true;
    await Promise.all(lanes);
  };
  scope.teardown(stop);
  return {
    failed,
    more: async () => {
      const until = sent + REQUESTS;
      await eventually(`${REQUESTS} more ${method}`, () => sent >= until || undefined);
    },
    stop,
  };
}

/** How often each POST was done. */
function doneTwice(apps: readonly RecordingApp[]): string[] {
  const urls = apps
    .flatMap(({ requests }) => requests)
    .map(({ url }) => String(url))
    .filter((url) => url.startsWith('/POST/'));
  return urls.filter((url, at) => urls.indexOf(url) !== at);
}

test('what an operator does costs no request', async (t) => {
  t.timeout(180_000);
  const mesh = await startMesh(t, { leafLifetimeSeconds: LIFETIME_SECONDS });
  const apps: RecordingApp[] = [];
  const sidecars = [];
  for (const name of ['a', 'b']) {
    const app = await startRecordingApp(t, name, (response) => response.end(name));
    apps.push(app);
    sidecars.push(await mesh.sidecar({ service: 'web', expose: [`80=127.0.0.1:${app.port}`] }));
  }
  const gateway = await startGateway(t, mesh, routed('/GET'));
  const knows = (count: number) =>
    eventually(`the gateway knows ${count} endpoints`, async () =>
      (await gateway.metrics()).sum('hauberk_endpoints') === count ? true : undefined,
    );
  await knows(2);
  const port = await gateway.port('web');
  const [reads, writes] = [startLanes(t, port, 'GET'), startLanes(t, port, 'POST')];
  const more = () => Promise.all([reads.more(), writes.more()]);

  await gateway.process.logged('renewed', () => true, { times: 2 });
  await more();
  t.deepEqual(writes.failed, []);
  for (const [at, sidecar] of sidecars.entries()) {
    await sidecar.process.end('SIGTERM');
    await more();
    sidecars[at] = await mesh.revive(sidecar);
    await knows(2);
    await more();
  }
  for (const prefix of ['/POST', '/GET/1', '/']) {
    await gateway.rewrite(routed(prefix));
    await more();
  }
  t.deepEqual(reads.failed, []);
  t.deepEqual(writes.failed, [], 'what is under way ends before an endpoint does');

  await sidecars[0]?.process.end('SIGKILL');
  await more();
  await Promise.all([reads.stop(), writes.stop()]);
  t.deepEqual(reads.failed, [], 'reads are sent again');
  // Nobody knows whether what was under way has been done.
  t.true(writes.failed.length <= LANES, writes.failed.join('\n'));
  t.deepEqual(doneTwice(apps), []);
});
