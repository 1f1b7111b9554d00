/**
 * A worker is killed while its sidecar starts: it has its first listeners, for peers, and the others wait for the
 * control plane. Another takes its place before the sidecar is ready, which has all of its workers then.
 */
import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { scrape } from '../../helpers/metric-samples.ts';
import { childrenOf, killIfAlive } from '../../helpers/mesh/workers.ts';

test.serial(
  'a worker that is killed between its first and last listener is started again',
  async (t) => {
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'api');
    await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
    const args = ['--workers=2', '--drain-timeout=1s'];
    const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'], args });
    await web.process.end();

    // A control plane that swallows what it is sent: the last listeners wait for it, for three seconds.
    await mesh.controlPlane.kill();
    const silent = net.createServer((socket) => socket.on('error', () => {}).resume());
    silent.listen(mesh.controlPlane.grpcPort, '127.0.0.1');
    t.teardown(() => silent.close());
    await once(silent, 'listening');
    const { options, upstreamPorts } = web;
    const again = await mesh.launch({ ...options, upstreamPorts, token: '' });
    await again.logged('listening', ({ listener }) => listener === 'hbone', { times: 2 });
    t.false(again.log.some(({ event }) => event === 'ready'));
    const [killed = 0] = childrenOf(again.pid);
    killIfAlive(killed);
    const line = await again.logged('worker-ended');
    t.is(line['workerPid'], killed);
    await again.logged('ready');
    const pids = childrenOf(again.pid);
    t.is(pids.length, 2);
    t.false(pids.includes(killed));
    const metricsPort = await again.port('metrics');
    await eventually('both serve', async () => {
      const metrics = await scrape(metricsPort);
      return metrics.sum('hauberk_workers_ready') === 2 || undefined;
    });
    t.is(await getOnce(upstreamPorts[0] ?? 0), 'api');
    t.is(await again.end(), 0);
  },
);
