/**
 * The control plane is killed and comes back while requests go through: none fails, a sidecar can
 * join with a token from before, and whatever was answered before is still known. It stands still past
 * the time to renew: the sidecars go on, say so, and renew as soon as it answers again.
 */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Mesh, type Sidecar } from '../../helpers/mesh/mesh.ts';

test.serial(
  'requests do not notice that the control plane was killed, and a new sidecar joins after it',
  async (t) => {
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'api');
    const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
    const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
    const token = await mesh.token(['--namespace', 'default', '--service', 'late']);
    const before = await certificates(mesh);
    const [port = 0] = web.upstreamPorts;
    const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 2 });

    await load.more(50);
    await mesh.controlPlane.kill();
    await controlPlaneIs('away', [api, web]);
    await load.more(100);
    await mesh.controlPlane.start();
    await controlPlaneIs('connected', [api, web]);
    const late = await mesh.sidecar({ service: 'late', token, upstreams: ['api:8080'] });
    const [latePort = 0] = late.upstreamPorts;
    t.is(await getOnce(latePort), 'api');
    await load.more(50);
    const { requests, failures, bodies } = await load.stop();
    t.deepEqual(failures, []);
    t.is(bodies.get('api'), requests);

    const after = await certificates(mesh);
    for (const certificate of before) t.deepEqual(after.find(sameSerial(certificate)), certificate);
    t.is(after.length, before.length + 1, 'nobody but the newcomer needed a certificate');
    const { stdout } = await mesh.admin(['token', 'list', '--json']);
    const [, , , id = ''] = token.split('-');
    const { tokens } = JSON.parse(stdout) as { tokens: { id: string }[] };
    t.like(
      tokens.find((candidate) => candidate.id === id),
      { state: 'used-up', service: 'late', uses: 1 },
    );
    for (const sidecar of [api, web, late]) {
      t.is((await sidecar.metrics()).sum('hauberk_connections_failed_total'), 0);
    }
  },
);

test.serial(
  'while the control plane stands still sidecars go on, and they renew when it answers again',
  async (t) => {
    const mesh = await startMesh(t, { leafLifetimeSeconds: 20 });
    const app = await startHttpApp(t, 'api');
    const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
    const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
    const [port = 0] = web.upstreamPorts;
    const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 10 });
    // Stopped and not killed: how long it takes to start again must not decide this test.
    mesh.controlPlane.process.signal('SIGSTOP');

    for (const { process, metrics } of [api, web]) {
      const failed = await process.logged('renewal-failed');
      t.is(failed.level, 'warn');
      t.is(failed['reason'], 'timeout');
      const enrolled = await process.logged('enrolled');
      // Each is the date of now and what is left by the monotonic clock, and rounded.
      const apartMs = Math.abs(Number(failed['notAfterMs']) - Number(enrolled['notAfterMs']));
      t.true(apartMs <= 5, `it says until when the one in use is valid, and is ${apartMs} ms off`);
      const leftMs = Number(failed['notAfterMs']) - Date.parse(String(failed['time']));
      t.true(Number(failed['retryInMs']) < leftMs, 'there is a next try');
      const failures = (await metrics()).sum('hauberk_certificate_renewal_failures_total', {
        reason: 'timeout',
      });
      t.true(failures > 0);
    }
    await load.more(50);
    mesh.controlPlane.process.signal('SIGCONT');
    await Promise.all([api, web].map(({ process }) => process.logged('renewed')));
    await load.more(50);
    const { requests, failures, bodies } = await load.stop();
    t.deepEqual(failures, []);
    t.is(bodies.get('api'), requests);
  },
);

interface Certificate {
  readonly serial: string;
}

async function certificates(mesh: Mesh): Promise<Certificate[]> {
  const { stdout } = await mesh.admin(['certs', '--namespace', 'default', '--json']);
  return (JSON.parse(stdout) as { certificates: Certificate[] }).certificates;
}

function sameSerial({ serial }: Certificate): (other: Certificate) => boolean {
  return (other) => other.serial === serial;
}

async function controlPlaneIs(
  state: 'away' | 'connected',
  sidecars: readonly Sidecar[],
): Promise<void> {
  const wanted = state === 'connected' ? 1 : 0;
  await eventually(`every sidecar shows that the control plane is ${state}`, async () => {
    const samples = await Promise.all(sidecars.map((sidecar) => sidecar.metrics()));
    const all = samples.every(
      (metrics) => metrics.sum('hauberk_control_plane_connected') === wanted,
    );
    return all ? true : undefined;
  });
}
