/**
 * What an operator types: edges, stat, top and tap, against a real mesh that carries something. A command that is
 * killed leaves no sidecar reporting, and a caller without a credential sees nothing.
 */
import path from 'node:path';
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const WEB = 'spiffe://mesh.local/ns/default/sa/web';
const API = 'spiffe://mesh.local/ns/default/sa/api';

test('edges, stat, top and tap tell what passes', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080', 'api:81'] });
  const [httpPort = 0, nowherePort = 0] = web.upstreamPorts;
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await mesh.admin(args);
    t.is(code, 0, stderr);
    return { stdout, stderr };
  };
  const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);

  const quiet = await run('edges', '--window=1s');
  t.deepEqual(quiet, {
    stdout: '',
    stderr: 'no sidecar has carried a connection since it started\n',
  });

  const load = startHttpLoad(t, { port: httpPort, concurrency: 2 });
  await load.more(20);
  await t.throwsAsync(fetch(`http://127.0.0.1:${nowherePort}`));

  const { edges } = await json('edges');
  const edge = edges.find((one: { port: number }) => one.port === 8080);
  t.like(edge, { from: WEB, to: API, security: 'mtls', success: 1 });
  t.deepEqual(edge.reportedBy.toSorted(), ['called', 'caller']);
  t.true(edge.requestsPerSecond > 0 && edge.connectionsOpen > 0 && edge.p99Seconds > 0);
  const table = await run('edges', '--service=web');
  t.regex(table.stdout, /^FROM +TO +SECURED .*\n(.*\n)*web\.default +api\.default:8080 +mTLS /m);

  const { services } = await json('stat', '--window=1s');
  t.is(services.length, 1);
  t.like(services[0], { service: API, instances: 1, success: 1 });
  t.true(services[0].requestsPerSecond > 0);
  t.regex((await run('stat', '--window=1s')).stdout, /^SERVICE .*\napi\.default +1 +\d/);

  const top = await run('top', '--interval=1s', '--count=2');
  t.regex(top.stdout, /\d edges, \d of 2 sidecars report, by requests\n/);
  t.regex(top.stdout, /web\.default +api\.default:8080 +mTLS +[\d.]+k? +100%/);
  const pictures = (await run('top', '--interval=1s', '--count=2', '--json')).stdout.trim();
  t.is(pictures.split('\n').map((one) => JSON.parse(one)).length, 2);

  const tapped = await run('tap', '--from=web', '--to=api:8080', '--path=/', '--count=3');
  t.regex(tapped.stdout, /^(\S+ web\.default -> api\.default:8080 GET \/ 200 [\d.]+m?s\n){3}$/);
  t.regex(tapped.stderr, /1 sidecar looks/);
  const [event = ''] = (await run('tap', '--to=api', '--count=1', '--json')).stdout.split('\n');
  t.like(JSON.parse(event), { from: WEB, to: API, port: 8080, direction: 'inbound' });
  const { failures } = await load.stop();
  t.deepEqual(failures, []);
});

test('a watcher that is killed leaves nothing behind, and mistakes are one sentence', async (t) => {
  const mesh = await startMesh(t);
  const web = await mesh.sidecar({ service: 'web', args: ['--log-level=debug'] });
  const asked = (kind: string): Promise<unknown> =>
    web.process.logged('traffic-asked', (line) => line['asked'] === kind);
  const admin = path.join(mesh.controlPlane.dataDirectory, 'admin.pem');
  const address = `127.0.0.1:${mesh.controlPlane.grpcPort}`;
  t.false(web.process.output().includes('traffic-asked'), 'nothing was asked of it before');
  const top = startHauberk(['top', `--control-plane=${address}`, `--admin=${admin}`], {});
  t.teardown(() => top.end('SIGKILL'));
  await asked('reports');
  await top.end('SIGKILL');
  await asked('nothing');

  const elsewhere = ['tap', '--from=web.shop', `--control-plane=${address}`, `--admin=${admin}`];
  const waiting = startHauberk(elsewhere, {});
  t.teardown(() => waiting.end('SIGKILL'));
  await eventually(
    'what it waits for is said to be a mistake',
    () => /web\.shop names; did you mean web\.default\?\n/.test(waiting.output()) || undefined,
  );
  await waiting.end('SIGKILL');

  for (const [args, sentence] of [
    [['tap', '--path=x'], /expected a path that begins with \/, got "x"/],
    [['tap', '--to=a.b.c:1'], /expected SERVICE\[\.NAMESPACE\]\[:PORT\], got "a\.b\.c:1"/],
    [['top', '--sort=x'], /expected one of requests, connections, failures, latency, bytes/],
    [['tap', '--status=a b'], /expected a status as 503, 5xx, UNAVAILABLE or failed, got "a b"/],
  ] as const) {
    const { code, stdout, stderr } = await mesh.admin([...args]);
    t.not(code, 0);
    t.is(stdout, '');
    t.regex(stderr, sentence);
    t.is(stderr.trim().split('\n').length, 1);
  }
});
