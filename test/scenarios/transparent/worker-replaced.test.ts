/**
 * A worker that takes the place of one that was killed knows where the mesh was lately: a member whose sidecar
 * is being restarted is not called in plaintext by it, although no control plane answers.
 */
import { eventually } from '../../helpers/deadline.ts';
import { isCutOff } from '../../helpers/netns/cut-off.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';
import { workerPids } from '../../helpers/mesh/workers.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'curl');
const scope = fileScope();

const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const PASSED = 'hauberk_passthrough_connections_total';

test('a member that is away is not called in plaintext by a worker that came since', async (t) => {
  const { hosts, controlPlane } = await startTransparentMesh(scope, {
    web: ['--workers=2'],
    // Of another namespace: what is told of it is asked for once, by its address.
    api: ['--namespace=far'],
  });
  const { web, api } = hosts;
  const call = () => web.run(...CURL, `http://${api.ipv4}:8080/`);
  t.is((await call()).stdout, 'api got \n');
  await api.sidecar.end('SIGTERM');
  await eventually('web knows', async () => isCutOff(await call()) || undefined);

  // Nobody is left to ask.
  await controlPlane.end('SIGKILL');
  const before = await workerPids(web.sidecar, 2);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  for (const worker of [1, 2]) {
    await web.sidecar.logged('worker-ready', (line) => line['worker'] === worker, { times: 2 });
  }
  const after = await workerPids(web.sidecar, 2);
  t.true(after.every((pid) => !before.includes(pid)));
  for (let times = 0; times < 8; times += 1) {
    const { code, stdout } = await call();
    t.true(isCutOff({ code, stdout, stderr: '' }), `it ended with ${code}: ${stdout}`);
  }
  t.is((await web.metrics()).sum(PASSED, { direction: 'outbound' }), 0);
});
