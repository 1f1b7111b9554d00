/**
 * A client of a gateway with few descriptors opens as many connections as it can, each with half a request, and
 * keeps them. The gateway lives and answers; a client from another address is served all the
 * while; and when the greedy one is gone everything is as before.
 */
import http from 'node:http';
import test from 'ava';
import { eventually } from '../helpers/deadline.ts';
import { startHttpApp } from '../helpers/servers/http-app.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { startGateway } from '../helpers/mesh/mesh-gateway.ts';
import { hoard } from './hoard.ts';
import { withDescriptors } from './limits.ts';

const EVERYTHING_IS_BACK_MS = 5_000;
/** A greedy client has its part; its connections with half a request go first. */
const NO_ROOM = ['client-limit', 'displaced', 'peer-limit'];
const LISTENERS = `
  - name: web
    listen: 127.0.0.1:0
    protocol: HTTP
    routes:
      - backend: api:8080
`;

/** Asks from an address that is not the greedy one's; resolves with the status. */
function askFrom(localAddress: string, port: number): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const options = { host: '127.0.0.1', port, localAddress, agent: false, timeout: 10_000 };
  const request = http.get(options, (response) => {
    response.resume().once('end', () => resolve(response.statusCode));
  });
  request.once('timeout', () => request.destroy(new Error('no answer in 10 s')));
  request.once('error', reject);
  return promise;
}

for (const [descriptors, greedy] of [
  [64, 60],
  [256, 200],
  [4_096, 3_900],
] as const) {
  test.serial(`a gateway with ${descriptors} descriptors outlasts a greedy client`, async (t) => {
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'api');
    await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
    const gateway = await startGateway(t, mesh, LISTENERS, [], withDescriptors(descriptors));
    const web = await gateway.port('web');
    const used = async (): Promise<number> =>
      (await gateway.metrics()).sum('hauberk_descriptors', { state: 'used' });
    t.is(await askFrom('127.0.0.9', web), 200);
    const idle = await used();

    const greed = hoard(t, web, greedy);
    await eventually('the greedy one has what it may', () => greed.refused > 0 || undefined);
    // With as few as 64 there is room once the first of them have been half-sent for a second.
    await eventually('another client is served', () =>
      askFrom('127.0.0.9', web).then(
        (status) => status === 200 || undefined,
        () => undefined,
      ),
    );
    for (let round = 0; round < 20; round += 1) t.is(await askFrom('127.0.0.9', web), 200);
    const metrics = await gateway.metrics();
    const refused = NO_ROOM.map((reason) =>
      metrics.sum('hauberk_gateway_connections_refused_total', { reason }),
    );
    t.true(Math.max(...refused) > 0, refused.join(', '));
    const metricsPort = await gateway.process.port('metrics');
    for (const path of ['/healthz', '/readyz', '/healthz/ready', '/metrics']) {
      t.is((await fetch(`http://127.0.0.1:${metricsPort}${path}`)).status, 200, path);
    }

    greed.letGo();
    await eventually(
      'everything is back',
      async () => ((await used()) <= idle + 6 ? true : undefined),
      EVERYTHING_IS_BACK_MS,
    );
    t.is(await askFrom('127.0.0.1', web), 200);
    t.is(await gateway.process.end(), 0);
  });
}
