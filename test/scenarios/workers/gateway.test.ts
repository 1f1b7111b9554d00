/**
 * A gateway with two workers: both take connections from outside, the file is read once for both, and
 * one that cannot be used keeps nobody from coming back who has ended.
 */
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { workerPids } from '../../helpers/mesh/workers.ts';

const TCP = `  - {name: tcp, listen: '127.0.0.1:0', protocol: TCP, backend: 'api:8080'}\n`;
const http = (limit: number): string =>
  `  - {name: http, listen: '127.0.0.1:0', protocol: HTTP, limits: {connections: ${limit}}, routes: [{backend: 'api:8080'}]}\n`;

async function start(t: ExecutionContext) {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const gateway = await startGateway(t, mesh, TCP, ['--workers=2', '--drain-timeout=2s']);
  await eventually('the gateway knows the service', async () =>
    (await gateway.metrics()).sum('hauberk_endpoints') >= 1 ? true : undefined,
  );
  const many = async (name: string, atOnce = 32): Promise<void> => {
    const port = await gateway.port(name);
    const bodies = await Promise.all(Array.from({ length: atOnce }, () => getOnce(port)));
    t.deepEqual(new Set(bodies), new Set(['api']));
  };
  return { gateway, many };
}

test.serial('two workers serve what the file says, as it changes', async (t) => {
  const { gateway, many } = await start(t);
  await many('tcp');
  const [accepted, ready] = ['hauberk_gateway_connections_accepted_total', 'hauberk_workers_ready'];
  const first = await gateway.metrics();
  t.is(first.sum(accepted, { listener: 'tcp' }), 32);
  t.is(first.sum(ready), 2);
  const shares = ['1', '2'].map((worker) =>
    first.sum('hauberk_worker_connections_opened_total', { worker }),
  );
  t.true(
    shares.every((share) => share > 0),
    `both have carried: ${shares.join(' and ')}`,
  );

  await gateway.rewrite(TCP + http(1_000));
  gateway.process.signal('SIGHUP');
  await gateway.process.logged('reloaded', ({ outcome }) => outcome === 'applied');
  // Each makes a connection to itself in a worker: none may end up in the other one.
  await many('http', 200);
  await many('tcp');

  await gateway.rewrite('  - {name: http, protocol: Gopher}\n');
  gateway.process.signal('SIGHUP');
  await gateway.process.logged('reload-refused');
  const [pid = 0] = await workerPids(gateway.process, 2);
  process.kill(pid, 'SIGKILL');
  await gateway.process.logged('worker-ready', ({ worker }) => worker === 1, { times: 2 });
  await many('http');
  await many('tcp');
  const last = await gateway.metrics();
  t.is(last.sum('hauberk_gateway_reloads_total', { outcome: 'applied' }), 1, 'not once a worker');
  t.true(last.sum('hauberk_gateway_reloads_total', { outcome: 'refused' }) >= 1);
  t.is(last.sum(ready), 2);

  t.is(await gateway.process.end(), 0);
});

test.serial('a certificate that cannot be used changes nothing in any worker', async (t) => {
  const { gateway, many } = await start(t);
  const tls = `{mode: Terminate, certificates: [{certificate: '${gateway.file}', key: '${gateway.file}'}]}`;
  await gateway.rewrite(
    `${TCP}  - {name: https, listen: '127.0.0.1:0', protocol: HTTPS, tls: ${tls}, routes: [{backend: 'api:8080'}]}\n`,
  );
  gateway.process.signal('SIGHUP');
  await gateway.process.logged('reload-refused');
  await many('tcp');
  t.is((await gateway.metrics()).sum('hauberk_worker_ends_total'), 0);
});

test.serial(
  'a listener gets another name, and an address that includes its own, in all workers',
  async (t) => {
    const { gateway, many } = await start(t);
    await many('tcp');
    const port = await gateway.port('tcp');
    for (const [round, [name, host]] of [
      ['renamed', '127.0.0.1'],
      ['renamed', '0.0.0.0'],
      ['back', '127.0.0.1'],
    ].entries()) {
      const listen = `'${host}:${port}'`;
      await gateway.rewrite(
        `  - {name: ${name}, listen: ${listen}, protocol: TCP, backend: 'api:8080'}\n`,
      );
      gateway.process.signal('SIGHUP');
      await gateway.process.logged('reloaded', ({ outcome }) => outcome === 'applied', {
        times: round + 1,
      });
      const bodies = await Promise.all(Array.from({ length: 16 }, () => getOnce(port)));
      t.deepEqual(new Set(bodies), new Set(['api']));
    }
    const metrics = await gateway.metrics();
    t.is(metrics.sum('hauberk_gateway_connections_accepted_total', { listener: 'renamed' }), 32);
    t.is(metrics.sum('hauberk_worker_ends_total'), 0);
    t.is(await gateway.process.end(), 0);
  },
);
