/**
 * Callbacks throw where no guard stands: a timer, a listener, a microtask and a detached promise, in each kind
 * of process. All of it is logged and counted, connections go on, and SIGTERM still ends in order. What does not
 * serve yet, and a command, end with an exit code.
 */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import {
  runHauberk,
  startHauberk,
  type HauberkProcess,
} from '../../helpers/mesh/hauberk-process.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { scrape } from '../../helpers/metric-samples.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, readText } from '../../helpers/clients/tcp-client.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { workerPids } from '../../helpers/mesh/workers.ts';

const PRELOAD = new URL('../../helpers/thrown-callbacks.ts', import.meta.url).href;
const env = { NODE_OPTIONS: `--import=${PRELOAD}` };
const ERRORS = 'hauberk_internal_errors_total';

/** Makes the callbacks throw, and waits until each has been caught. */
async function throwEverywhere(hauberk: HauberkProcess, pid = hauberk.pid): Promise<void> {
  process.kill(pid, 'SIGUSR2');
  for (const kind of ['timer', 'listener', 'promise', 'microtask']) {
    await hauberk.logged('internal-error', ({ stack }) => String(stack).includes(`in a ${kind}`));
  }
}

async function counted(port: number): Promise<Record<'uncaught' | 'rejection', number>> {
  const metrics = await scrape(port);
  const sum = (where: string): number => metrics.sum(ERRORS, { where });
  return { uncaught: sum('uncaught'), rejection: sum('rejection') };
}

test('a sidecar, its workers and the control plane outlive what their callbacks throw', async (t) => {
  const mesh = await startMesh(t, { controlPlaneEnv: env });
  const app = await startTcpApp(t, echo);
  const expose = [`7000=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, env });
  const args = ['--workers=2'];
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'], args, env });
  const client = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  const echoes = async (text: string): Promise<void> => {
    client.write(text);
    t.is(await readText(client, text.length), text);
  };
  await echoes('before');

  const { controlPlane } = mesh;
  await throwEverywhere(api.process);
  await throwEverywhere(web.process);
  for (const pid of await workerPids(web.process, 2)) await throwEverywhere(web.process, pid);
  await throwEverywhere(controlPlane.process);

  await echoes('after');
  t.deepEqual(await counted(api.metricsPort), { uncaught: 3, rejection: 1 });
  t.deepEqual(await counted(controlPlane.httpPort), { uncaught: 3, rejection: 1 });
  // One throws at a time, but a worker may have been told before its line of the log is read.
  const sums = await eventually('the workers have counted as well', async () => {
    const found = await counted(web.metricsPort);
    return found.uncaught === 9 ? found : undefined;
  });
  t.is(sums.rejection, 3);
  t.false(web.process.log.some(({ event }) => event === 'worker-ended'));
  client.destroy();
  for (const one of [api.process, web.process, controlPlane.process]) t.is(await one.end(), 0);
});

test('a sidecar that does not serve yet, and a command, end with an exit code', async (t) => {
  await using directory = await temporaryDirectory();
  const early = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(EARLY)}` };
  const sidecar = startHauberk(
    [
      'proxy',
      '--service=web',
      '--control-plane=127.0.0.1:1',
      `--state-dir=${directory.path}`,
      '--metrics-listen=127.0.0.1:0',
      `--token-file=${directory.path}/never`,
    ],
    { env: early },
  );
  t.teardown(() => sidecar.end('SIGKILL'));
  t.not(await sidecar.exited, 0);
  t.regex(sidecar.output(), /thrown early/);
  const { code, stderr } = await runHauberk(['status', '--control-plane=127.0.0.1:1'], {
    env: NOW,
  });
  t.not(code, 0);
  t.regex(stderr, /rejected now/);
});

/** Long after the net for rejections has been spread, and while the token is waited for. */
const EARLY = "setTimeout(() => { throw new Error('thrown early'); }, 3000)";
const REJECTED = "setImmediate(() => Promise.reject(new Error('rejected now')))";
const NOW = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REJECTED)}` };
