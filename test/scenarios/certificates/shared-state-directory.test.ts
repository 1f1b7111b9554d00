/** Two sidecars on one state directory: the second one says so and ends, and the first goes on. */
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

for (const args of [[], ['--workers=2']]) {
  test(`a second sidecar is refused: ${args.join() || 'one process'}`, async (t) => {
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'api');
    const api = await mesh.sidecar({
      service: 'api',
      expose: [`8080=127.0.0.1:${app.port}`],
      args,
    });
    const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
    const { stateDirectory } = api;
    const second = await mesh.launch({ service: 'api', stateDirectory });
    t.is(await second.exited, 2);
    t.regex(second.output(), /another sidecar has the state directory .* open; stop the other one/);
    t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
    // Killed, it leaves nothing that would keep the next one out.
    await api.process.end('SIGKILL');
    const back = await mesh.revive(api);
    t.is(await back.process.end(), 0);
  });
}
