/**
 * A worker is killed while it carries connections: those end, all others go on, another worker
 * takes its place and knows what the first one knew. Nothing that was counted is lost to the sums.
 */
import type { Socket } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, readText } from '../../helpers/clients/tcp-client.ts';
import { childrenOf, killIfAlive, workerPids } from '../../helpers/mesh/workers.ts';

const CONNECTIONS = 24;
const OPENED = 'hauberk_connections_opened_total';

test.serial('kill -9 of a worker costs its connections and nothing else', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const args = ['--workers=2'];
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'], args });
  const [port = 0] = web.upstreamPorts;
  const [firstPid = 0] = await workerPids(web.process, 2);

  const open = new Set<Socket>();
  let ended = 0;
  const call = async (): Promise<void> => {
    const client = await connectTcp(t, port);
    t.true(await echoes(client), 'it is carried');
    open.add(client);
    const gone = (): void => {
      if (open.delete(client)) ended += 1;
    };
    client.once('end', gone).once('close', gone);
  };
  for (let at = 0; at < CONNECTIONS; at += 1) await call();
  const before = await web.metrics();
  const [lost = 0, kept = 0] = ['1', '2'].map((worker) =>
    before.sum('hauberk_worker_connections_open', { worker }),
  );
  t.is(lost + kept, CONNECTIONS);

  process.kill(firstPid, 'SIGKILL');
  // How, is the system's choice: nobody was left to reset them.
  await eventually('its connections end', () => (ended === lost ? true : undefined));
  for (const client of open) t.true(await echoes(client), 'a connection of the other one goes on');
  const line = await web.process.logged('worker-ended');
  t.is(line['worker'], 1);
  t.regex(line.msg ?? '', /worker 1 ended by SIGKILL/);

  await web.process.logged('worker-ready', ({ worker }) => worker === 1, { times: 2 });
  // Not every connection goes to it, but one of so many does.
  for (let at = 0; at < CONNECTIONS; at += 1) await call();
  const after = await eventually('the new one carries some of them', async () => {
    const metrics = await web.metrics();
    const carries = metrics.sum('hauberk_worker_connections_open', { worker: '1' }) > 0;
    return carries ? metrics : undefined;
  });
  t.is(after.sum(OPENED), 2 * CONNECTIONS, 'what the first one had counted is in the sum');
  t.is(after.sum('hauberk_worker_ends_total'), 1);
  t.is(after.sum('hauberk_workers_ready'), 2);
  t.is(open.size, kept + CONNECTIONS);
});

test.serial('a worker that hangs is replaced', async (t) => {
  const mesh = await startMesh(t);
  const web = await mesh.sidecar({ service: 'web', args: ['--workers=2'] });
  const [hanging = 0, other = 0] = await workerPids(web.process, 2);
  process.kill(hanging, 'SIGSTOP');
  t.teardown(() => killIfAlive(hanging));

  const line = await web.process.logged('worker-stalled', () => true, { deadlineMs: 60_000 });
  t.is(line['workerPid'], hanging);
  t.regex(line.msg ?? '', /worker 1 does not answer/);
  await web.process.logged('worker-ready', ({ worker }) => worker === 1, { times: 2 });
  const pids = childrenOf(web.process.pid);
  t.is(pids.length, 2);
  t.true(pids.includes(other), 'the one that answered has stayed');
});

test.serial('workers that end again and again end the sidecar', async (t) => {
  const mesh = await startMesh(t);
  const web = await mesh.sidecar({ service: 'web', args: ['--workers=2'] });
  // Whenever there is one; a busy machine would take too long to have ten of them ready.
  const killing = setInterval(() => {
    for (const pid of childrenOf(web.process.pid)) killIfAlive(pid);
  }, 20);
  t.teardown(() => clearInterval(killing));
  t.is(await within('the sidecar ends', web.process.exited, 55_000), 1);
  t.regex(web.process.output(), /workers ended 10 times within a minute, the last one by SIGKILL/);
});

/** True when what is sent comes back. */
async function echoes(client: Socket): Promise<boolean> {
  client.write('hello');
  return (await readText(client, 5)) === 'hello';
}

test.serial('callers of a worker that is killed find another one', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const args = ['--workers=2'];
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`], args });
  const callers = await Promise.all(
    ['one', 'two'].map((service) => mesh.sidecar({ service, upstreams: ['api:8080'] })),
  );
  const loads = callers.map(({ upstreamPorts: [port = 0] }) =>
    startHttpLoad(t, { port, concurrency: 2, paceMs: 2 }),
  );
  await Promise.all(loads.map((load) => load.more(50)));
  const [first = 0, second = 0] = await workerPids(api.process, 2);
  process.kill(first, 'SIGKILL');
  await Promise.all(loads.map((load) => load.more(50)));
  // The tunnel of one caller was in that worker: what it had under way is all that fails.
  const lost = loads.map(({ result }) => result.failed).sort((a, b) => a - b);
  t.true(lost[0] === 0 && (lost[1] ?? 0) <= 2, `failed: ${lost.join(' and ')}`);
  await api.process.logged('worker-ready', ({ worker }) => worker === 1, { times: 2 });
  // Now both may be in the other one: the one that is new takes over from it.
  process.kill(second, 'SIGKILL');
  await Promise.all(loads.map((load) => load.more(50)));
  for (const { requests, failed, failures, bodies } of await Promise.all(
    loads.map((load) => load.stop()),
  )) {
    // What was under way at each end, and once more when the next tunnel met the worker that was dying.
    t.true(failed <= 8, `failed: ${failed}: ${failures.join(', ')}`);
    t.is(bodies.get('api'), requests - failed);
  }
  t.is((await api.metrics()).sum('hauberk_worker_ends_total'), 2);
});
