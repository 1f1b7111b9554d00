/**
 * One host's clock is five minutes ahead, another's five minutes behind. Both enrol, call each other
 * both ways, renew, and warn that their clock is wrong. With hours between the clocks nothing works, and
 * the sidecar says so: it is not ready, and what it refuses names the skew.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { scrape } from '../../helpers/metric-samples.ts';
import { requires } from '../../helpers/machine/requirements.ts';

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
    mesh.launch({ service: 'early', env: await clockAt('+5m') }),
    mesh.launch({ service: 'late', env: await clockAt('-5m') }),
  ]);
  for (const process of [early, late]) {
    const first = await process.logged('renewal-scheduled');
    const second = await process.logged('renewal-scheduled', undefined, { times: 2 });
    t.true(Number(second['notAfterMs']) > Number(first['notAfterMs']));
    const metrics = await scrape(await process.port('metrics'));
    t.true(metrics.sum('hauberk_certificate_renewals_total') > 0);
    t.is(metrics.sum('hauberk_certificate_renewal_failures_total'), 0);
  }
});

for (const [offset, reason, sentence] of [
  ['+2h', 'expired', /this host's clock is 7(19|20)\d s ahead of the control plane's/],
  ['-30m', 'not-yet-valid', /this host's clock is 1(79|80)\d s behind the control plane's/],
] as const) {
  test.serial(`a host whose clock is ${offset} off is not ready, and says why`, async (t) => {
    const mesh = await startMesh(t);
    const app = await startHttpApp(t, 'right');
    const expose = [`8080=127.0.0.1:${app.port}`];
    await mesh.sidecar({ service: 'right', expose });
    const upstreams = ['right:8080'];
    const wrong = await mesh.launch({ service: 'wrong', upstreams, env: await clockAt(offset) });
    const skew = await wrong.logged('clock-skew');
    t.is(skew.level, 'error');
    t.regex(skew.msg ?? '', sentence);
    t.regex(skew.msg ?? '', /set the clock of this host, or the control plane's, right$/);

    t.regex((await wrong.logged('not-ready')).msg ?? '', sentence);
    const http = await wrong.port('metrics');
    const ready = await fetch(`http://127.0.0.1:${http}/healthz/ready`);
    t.is(ready.status, 503);
    t.regex(await ready.text(), sentence);
    const seconds = (await scrape(http)).sum('hauberk_clock_skew_seconds');
    t.is(Math.round(seconds / 60), Math.round(Number(skew['skewMs']) / 60_000));

    await t.throwsAsync(getOnce(await wrong.port('upstream')));
    const refused = await wrong.logged('handshake-refused');
    t.is(refused['reason'], reason);
    t.regex(refused.msg ?? '', sentence);
    t.is(await wrong.end(), 0);
  });
}

/** The environment that shifts a process's wall clock, and leaves its timers alone. */
async function clockAt(offset: string): Promise<Record<string, string>> {
  // The program knows where its library is; the tests start the sidecar without it in between.
  const { stdout } = await promisify(execFile)('faketime', ['-f', offset, 'env']);
  const preload = /^LD_PRELOAD=(.*)$/m.exec(stdout)?.[1] ?? '';
  return { LD_PRELOAD: preload, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}
