/**
 * An operator watches what passes between two services and a gateway: figures of both ends, failures by their reason,
 * gRPC, and connections and requests as they happen. Before and after, sidecars report nothing.
 */
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectAdmin, type AdminClient } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { addTraffic } from '../../../common/wire/traffic/edge-sums.ts';
import { TAP_ALL } from '../../../common/wire/traffic/tap-filter.ts';
import type { TappedEvent, WatchTrafficResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic, TapFilter } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { eventually } from '../../helpers/deadline.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh, type Mesh } from '../../helpers/mesh/mesh.ts';

const WEB = 'spiffe://mesh.local/ns/default/sa/web';
const API = 'spiffe://mesh.local/ns/default/sa/api';
const GATEWAY = 'spiffe://mesh.local/ns/default/sa/edge';
const WATCH = { services: [], intervalMs: 500, historySeconds: 0, local: false };

function operator(t: ExecutionContext, { controlPlane }: Mesh): AdminClient {
  const credential = readAdminCredential(path.join(controlPlane.dataDirectory, 'admin.pem'));
  const address = { host: '127.0.0.1', port: controlPlane.grpcPort };
  const client = connectAdmin({ address, credential });
  t.teardown(() => client.close());
  return client;
}

/** Watches, and sums up what it is told. */
function watch(t: ExecutionContext, client: AdminClient) {
  const ending = new AbortController();
  const sums = new Map<string, EdgeTraffic>();
  let newest: WatchTrafficResponse | undefined;
  const follow = async (): Promise<void> => {
    for await (const response of client.watchTraffic(WATCH, ending.signal)) {
      newest = response;
      for (const { spiffeId, traffic } of response.edges) {
        if (traffic === undefined) continue;
        const key = `${spiffeId} ${traffic.inbound ? 'from' : 'to'} ${traffic.peer}:${traffic.port}`;
        const known = sums.get(key);
        sums.set(key, known === undefined ? traffic : addTraffic(known, traffic));
      }
    }
  };
  const ended = follow();
  t.teardown(() => ending.abort());
  return {
    sums,
    newest: () => newest,
    reporting: (sidecars: number) =>
      eventually(`${sidecars} sidecars report`, () =>
        newest?.reporting === sidecars ? newest : undefined,
      ),
    async end() {
      ending.abort();
      await ended;
    },
  };
}

function tap(t: ExecutionContext, client: AdminClient, filter: Partial<TapFilter>) {
  const ending = new AbortController();
  const events: TappedEvent[] = [];
  let sidecars = 0;
  const request = { filter: { ...TAP_ALL, ...filter }, eventsPerSecond: 0, local: false };
  const follow = async (): Promise<void> => {
    for await (const response of client.tap(request, ending.signal)) {
      sidecars = response.sidecars;
      events.push(...response.events);
    }
  };
  const ended = follow();
  t.teardown(() => ending.abort());
  return {
    events,
    asked: () => eventually('the tap is on', () => (sidecars > 0 ? true : undefined)),
    async end() {
      ending.abort();
      await ended;
    },
  };
}

const requestsOf = (edge: EdgeTraffic | undefined, protocol: string, status: string): number =>
  edge?.requests.find((row) => row.protocol === protocol && row.status === status)?.count ?? 0;

test('both ends of an edge are seen, with failures, gRPC, a gateway and several workers', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const grpcPort = await startGrpcEcho(t);
  await mesh.sidecar({
    service: 'api',
    expose: [`8080=127.0.0.1:${app.port}`, `9090=127.0.0.1:${grpcPort}`, '7070=127.0.0.1:1'],
    args: ['--workers=2'],
  });
  const upstreams = ['api:8080', 'api:9090', 'api:7070'];
  const web = await mesh.sidecar({ service: 'web', upstreams });
  const [httpPort = 0, callPort = 0, closedPort = 0] = web.upstreamPorts;
  const get = (port: number, at = '/'): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${at}`, { headers: { connection: 'close' } });
  for (let call = 0; call < 3; call += 1) await get(httpPort);

  const client = operator(t, mesh);
  const look = watch(t, client);
  await look.reporting(2);
  for (let call = 0; call < 5; call += 1) t.is((await get(httpPort)).status, 200);
  const echo = connectGrpcEcho(t, { port: callPort, name: 'api' });
  t.is((await echo.once('hello')).code, 0);
  t.is((await echo.once('deny')).code, 7);
  await t.throwsAsync(get(closedPort));

  const { sums } = look;
  const toApi = `${WEB} to ${API}`;
  const fromWeb = `${API} from ${WEB}`;
  await eventually('both ends have counted everything', () => {
    const seen =
      requestsOf(sums.get(`${toApi}:8080`), 'http1', '2xx') === 5 &&
      requestsOf(sums.get(`${fromWeb}:8080`), 'http1', '2xx') === 5 &&
      requestsOf(sums.get(`${toApi}:9090`), 'grpc', 'PERMISSION_DENIED') === 1 &&
      requestsOf(sums.get(`${fromWeb}:9090`), 'grpc', 'OK') === 1 &&
      (sums.get(`${toApi}:7070`)?.connectionsFailed.length ?? 0) > 0 &&
      (sums.get(`${fromWeb}:7070`)?.connectionsFailed.length ?? 0) > 0;
    return seen ? true : undefined;
  });
  const http = sums.get(`${toApi}:8080`);
  t.is(http?.connectionsOpened, 5, 'those of before are not counted');
  t.true((http?.bytesSent ?? 0) > 0 && (http?.bytesReceived ?? 0) > 0);
  t.is(
    http?.requestDurations?.counts.reduce((sum, count) => sum + count, 0),
    5,
  );
  t.deepEqual(
    sums.get(`${fromWeb}:7070`)?.connectionsFailed.map(({ reason }) => reason),
    ['app-refused'],
  );
  const edge = look
    .newest()
    ?.edges.find(({ spiffeId, traffic }) => spiffeId === WEB && traffic?.port === 8080);
  t.like(edge, { instances: 1, connectionsTotal: 8 });

  const gateway = await startGateway(
    t,
    mesh,
    `
  - {name: http, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'api:8080'}]}
`,
  );
  await look.reporting(3);
  t.is((await get(await gateway.port('http'))).status, 200);
  await eventually('the gateway has told', () =>
    (sums.get(`${GATEWAY} to ${API}:8080`)?.connectionsOpened ?? 0) > 0 ? true : undefined,
  );
  await look.end();
});

test('connections and requests are told of as they happen, to whom they are of interest', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const grpcPort = await startGrpcEcho(t);
  const expose = [`8080=127.0.0.1:${app.port}`, `9090=127.0.0.1:${grpcPort}`];
  await mesh.sidecar({ service: 'api', expose, args: ['--workers=2'] });
  const upstreams = ['api:8080', 'api:9090'];
  const web = await mesh.sidecar({ service: 'web', upstreams });
  const [httpPort = 0, callPort = 0] = web.upstreamPorts;
  const client = operator(t, mesh);
  const name = (service: string) => ({ namespace: 'default', service });
  const [calls, served] = [
    tap(t, client, { from: name('web'), to: name('api') }),
    tap(t, client, { to: name('api'), pathPrefix: '/pay' }),
  ];
  await calls.asked();
  await served.asked();
  await eventually('the workers keep what passes', async () => {
    await fetch(`http://127.0.0.1:${httpPort}/pay/7?card=of-the-payer`);
    return served.events.length > 0 ? true : undefined;
  });
  const echo = connectGrpcEcho(t, { port: callPort, name: 'api' });
  t.is((await echo.once('deny')).code, 7);
  const grpc = await eventually('the call of gRPC is told of', () =>
    calls.events.find(({ event }) => event?.protocol === 'grpc'),
  );
  t.like(grpc.event, { kind: 'request', status: 'PERMISSION_DENIED', method: 'POST', port: 9090 });
  t.like(served.events[0], { spiffeId: API });
  t.like(served.events[0]?.event, {
    kind: 'request',
    inbound: true,
    peer: WEB,
    port: 8080,
    method: 'GET',
    path: '/pay/7',
    httpStatus: 200,
    status: '2xx',
  });
  t.true(calls.events.some(({ event }) => event?.kind === 'opened'));
  t.true(calls.events.every(({ spiffeId, event }) => spiffeId === WEB && event?.inbound === false));
  const all = JSON.stringify([calls.events, served.events]);
  t.false(all.includes('of-the-payer'), 'no query leaves a sidecar');
  t.true(mesh.output().includes('tap-started'), 'the log of the control plane says who taps');
});
