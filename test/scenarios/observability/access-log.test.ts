/**
 * With an access log each side writes a line for a connection that has ended, and metrics stay what they
 * are; without, none.
 */
import test from 'ava';
import { carryingNothing } from '../../helpers/gauges.ts';
import type { LogLine } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

test('each side tells of a connection that it has carried, when it was asked to', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const args = ['--access-log'];
  const api = await mesh.sidecar({ service: 'api', expose, args });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'], args });
  const quiet = await mesh.sidecar({ service: 'quiet', upstreams: ['api:8080'] });
  const of =
    (service: string) =>
    ({ peer }: LogLine): boolean =>
      peer === `spiffe://mesh.local/ns/default/sa/${service}`;

  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  const common = { place: '127.0.0.1:8080', outcome: 'complete', level: 'info' };
  const caller = await web.process.logged('connection', of('api'));
  t.like(caller, { ...common, direction: 'outbound' });
  const callee = await api.process.logged('connection', of('web'));
  t.like(callee, { ...common, direction: 'inbound' });
  t.is(caller['bytesFromApp'], callee['bytesToApp'], 'the request');
  t.is(caller['bytesToApp'], callee['bytesFromApp'], 'the answer');
  t.true(Number(caller['bytesFromApp']) > 0 && Number(caller['bytesToApp']) > 0);
  const [metrics] = await carryingNothing([web]);
  t.is(metrics?.sum('hauberk_bytes_sent_total'), Number(caller['bytesFromApp']));
  t.is(metrics?.sum('hauberk_bytes_received_total'), Number(caller['bytesToApp']));

  t.is(await getOnce(quiet.upstreamPorts[0] ?? 0), 'api');
  await api.process.logged('connection', of('quiet'));
  await carryingNothing([quiet]);
  t.false(quiet.process.log.some(({ event }) => event === 'connection'));
});
