/**
 * The clock of a running control plane is set back by an hour, or forward: a new configuration and a
 * revocation still reach every sidecar at once, a readmitted service comes back, and nothing that was carried
 * before is cut.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { movableClock } from '../../helpers/movable-clock/movable-clock.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const HOUR_MS = 3_600_000;

const rule = (name: string): string => `authorization:
  allow: mesh
  rules:
    - name: ${name}
      action: deny
      from: [nobody.default]
      to: [api.default]
`;

for (const [how, stepMs] of [
  ['back', -HOUR_MS],
  ['forward', HOUR_MS],
] as const) {
  test.serial(`apply and revoke arrive after the clock was set ${how} by an hour`, async (t) => {
    const clock = await movableClock(t);
    const mesh = await startMesh(t, { controlPlaneEnv: clock.env });
    const [http, tcp] = [await startHttpApp(t, 'api'), await startTcpApp(t, echo)];
    const expose = [`7000=127.0.0.1:${tcp.port}`, `8080=127.0.0.1:${http.port}`];
    const api = await mesh.sidecar({ service: 'api', expose });
    const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000', 'api:8080'] });
    const other = await mesh.sidecar({ service: 'other', upstreams: ['api:8080'] });
    const file = path.join(mesh.directory, 'mesh.yaml');
    const apply = async (name: string): Promise<unknown> => {
      await writeFile(file, rule(name));
      const { code, stdout, stderr } = await mesh.admin(['apply', '-f', file, '--json']);
      t.is(code, 0, stderr);
      return JSON.parse(stdout).sidecars;
    };
    const load = startHttpLoad(t, { port: other.upstreamPorts[0] ?? 0, paceMs: 2 });
    const held = await connectTcp(t, web.upstreamPorts[0] ?? 0);
    held.write('hello');
    t.is(await readText(held, 5), 'hello');
    t.deepEqual(await apply('before'), { connected: 3, reached: 3 });

    await clock.step(mesh.controlPlane.process, stepMs);
    t.deepEqual(await apply('after'), { connected: 3, reached: 3 });
    for (const { process, metrics } of [api, web, other]) {
      const { skewMs } = await process.logged('clock-skew');
      t.is(Math.round(Number(skewMs) / HOUR_MS), stepMs / HOUR_MS, 'it is named');
      const seconds = (await metrics()).sum('hauberk_clock_skew_seconds');
      t.is(Math.round((seconds * 1000) / HOUR_MS), stepMs / HOUR_MS);
    }
    t.deepEqual(await apply('once-more'), { connected: 3, reached: 3 });
    const ended = endOf(held);
    const { code, stderr } = await mesh.admin(['revoke', 'default/web']);
    t.is(code, 0, stderr);
    t.is(await within('the connection is cut', ended), 'reset');
    await t.throwsAsync(getOnce(web.upstreamPorts[1] ?? 0));
    t.is((await api.metrics()).sum('hauberk_tunnels_closed_total', { reason: 'revoked' }), 1);

    await load.more(20);
    await load.stop();
    for (const { process } of [api, other]) {
      t.deepEqual(
        process.log.filter(({ event }) => event === 'sync-lost'),
        [],
      );
    }

    // The clock is right again, and so is everything else.
    await clock.step(mesh.controlPlane.process, -stepMs);
    t.is((await mesh.admin(['readmit', 'default/web'])).code, 0);
    await web.process.end();
    const newcomer = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
    const answer = await eventually('it is let in again', () =>
      getOnce(newcomer.upstreamPorts[0] ?? 0).catch(() => undefined),
    );
    t.is(answer, 'api');
    t.deepEqual(await apply('at-last'), { connected: 3, reached: 3 });
  });
}
