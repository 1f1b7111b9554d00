/**
 * One host's clock is five minutes ahead, another's five minutes behind. Both enrol, call each other
 * both ways, renew, and warn that their clock is wrong.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startHttpApp } from '../helpers/http-app.ts';
import { getOnce } from '../helpers/http-load.ts';
import { startMesh } from '../helpers/mesh.ts';
import { requires } from '../helpers/requirements.ts';

const SKEW_MS = 300_000;

/** Certificates that outlive the skew: a host that is ahead must not see its peer's as expired. */
const LIFETIME_SECONDS = 1_200;

const test = requires('faketime');

test.serial('hosts whose clocks are ten minutes apart call each other', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: LIFETIME_SECONDS });
  const earlyApp = await startHttpApp(t, 'early');
  const lateApp = await startHttpApp(t, 'late');
  const early = await mesh.sidecar({
    service: 'early',
    expose: [`8080=127.0.0.1:${earlyApp.port}`],
    upstreams: ['late:8080'],
    env: await clockAt('+5m'),
  });
  const late = await mesh.sidecar({
    service: 'late',
    expose: [`8080=127.0.0.1:${lateApp.port}`],
    upstreams: ['early:8080'],
    env: await clockAt('-5m'),
  });

  t.is(await getOnce(early.upstreamPorts[0] ?? 0), 'late');
  t.is(await getOnce(late.upstreamPorts[0] ?? 0), 'early');
  for (const [sidecar, skewMs] of [
    [early, SKEW_MS],
    [late, -SKEW_MS],
  ] as const) {
    const warning = await sidecar.process.logged('clock-skew');
    // The control plane's clock minus the sidecar's, give or take the time of the call.
    t.true(Math.abs(Number(warning['skewMs']) + skewMs) < 30_000);
    const metrics = await sidecar.metrics();
    t.is(metrics.sum('hauberk_handshakes_refused_total'), 0);
    t.is(metrics.sum('hauberk_connections_failed_total'), 0);
  }
  t.is(await early.process.end(), 0);
  t.is(await late.process.end(), 0);
});

test.serial('hosts whose clocks are wrong renew in time', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: 10 });
  const [early, late] = await Promise.all([
    mesh.sidecar({ service: 'early', env: await clockAt('+5m') }),
    mesh.sidecar({ service: 'late', env: await clockAt('-5m') }),
  ]);
  for (const { process, metrics } of [early, late]) {
    const first = await process.logged('renewal-scheduled');
    const second = await process.logged('renewal-scheduled', undefined, { times: 2 });
    t.true(Number(second['notAfterMs']) > Number(first['notAfterMs']));
    t.true((await metrics()).sum('hauberk_certificate_renewals_total') > 0);
    t.is((await metrics()).sum('hauberk_certificate_renewal_failures_total'), 0);
  }
});

/** The environment that shifts a process's wall clock, and leaves its timers alone. */
async function clockAt(offset: string): Promise<Record<string, string>> {
  // The program knows where its library is; the tests start the sidecar without it in between.
  const { stdout } = await promisify(execFile)('faketime', ['-f', offset, 'env']);
  const preload = /^LD_PRELOAD=(.*)$/m.exec(stdout)?.[1] ?? '';
  return { LD_PRELOAD: preload, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}
