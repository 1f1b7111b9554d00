/**
 * A service is thrown out while it carries a busy connection: both ends see it cut within a second,
 * no other connection notices, and it does not come back: not with its certificate, not with a token,
 * and not while the control plane is away and its peer starts anew. Once it is readmitted it joins
 * like a new one.
 */
import type { Socket } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { connectTcp, endOf } from '../../helpers/clients/tcp-client.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';

test('a revoked service loses its busy connection at once, and stays out', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, echo);
  const http = await startHttpApp(t, 'api');
  const expose = [`7000=127.0.0.1:${app.port}`, `8080=127.0.0.1:${http.port}`];
  const api = await mesh.sidecar({ service: 'api', expose });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000', 'api:8080'] });
  const other = await mesh.sidecar({ service: 'other', upstreams: ['api:8080'] });
  const [busyPort = 0, httpPort = 0] = web.upstreamPorts;
  const [otherPort = 0] = other.upstreamPorts;
  const load = startHttpLoad(t, { port: otherPort, keepAlive: true, paceMs: 2 });
  const busy = await connectTcp(t, busyPort);
  keepBusy(busy);
  await load.more(20);

  const ended = endOf(busy).then((end) => ({ end, atMs: performance.now() }));
  const startMs = performance.now();
  const { code, stderr } = await mesh.admin(['revoke', 'default/web']);
  t.is(code, 0, stderr);
  const { end, atMs } = await within('the busy connection is cut', ended);
  t.is(end, 'reset');
  t.log(`cut ${Math.round(atMs - startMs)} ms after the command was typed`);
  t.is((await api.metrics()).sum('hauberk_tunnels_closed_total', { reason: 'revoked' }), 1);
  await t.throwsAsync(getOnce(httpPort));
  await load.more(20);

  // It starts again with the certificate that it has; and with a token that would be good.
  await web.process.end();
  const again = await mesh.launch({ ...web.options, stateDirectory: web.stateDirectory });
  const lost = await again.logged('sync-lost');
  t.is(lost['reason'], 'certificate-revoked');
  await again.end('SIGKILL');
  const newcomer = await mesh.launch({ service: 'web', upstreams: ['api:8080'] });
  const refused = await newcomer.logged('enrolment-refused');
  t.is(refused['reason'], 'identity-revoked');
  t.is(await newcomer.exited, 1);

  // The peer starts anew and has nobody to ask.
  await mesh.controlPlane.kill();
  await load.stop();
  await api.process.end();
  const revived = await mesh.revive(api);
  const offline = await mesh.launch({ ...web.options, stateDirectory: web.stateDirectory });
  await revived.process.logged('handshake-refused', ({ reason }) => reason === 'revoked');
  await offline.end('SIGKILL');
  t.is(await getOnce(otherPort), 'api', 'the other one may still come in');

  await mesh.controlPlane.start();
  t.is((await mesh.admin(['readmit', 'default/web'])).code, 0);
  const listed = await mesh.admin(['revocations', '--json']);
  const { revocations } = JSON.parse(listed.stdout) as { revocations: { readmittedAt: string }[] };
  t.is(typeof revocations[0]?.readmittedAt, 'string');
  const readmitted = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [newPort = 0] = readmitted.upstreamPorts;
  // Its peer hears of it when it has connected to the control plane again.
  const answer = await eventually('it is let in again', () =>
    getOnce(newPort).catch(() => undefined),
  );
  t.is(answer, 'api');
});

/** Bytes all the time, in both directions. */
function keepBusy(socket: Socket): void {
  const chunk = Buffer.alloc(16 * 1024);
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk)) continue;
  };
  socket.resume();
  socket.on('drain', more);
  more();
}
