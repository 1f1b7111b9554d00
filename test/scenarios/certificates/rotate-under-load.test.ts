/**
 * Certificates of ten seconds, and both sidecars rotate them twice while requests go through: some
 * on connections that stay, some on a connection each, and one connection that is opened with the
 * first certificates and outlives them. Tunnels are replaced under all of it; no request fails and
 * no byte is missing.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf } from '../../helpers/clients/tcp-client.ts';

const LIFETIME_SECONDS = 10;

/** Between two phrases, so that other tests get some of the machine. */
const PAUSE_MS = 5;

test('certificates rotate twice under load, and nobody notices', async (t) => {
  const mesh = await startMesh(t, { leafLifetimeSeconds: LIFETIME_SECONDS });
  const httpApp = await startHttpApp(t, 'api');
  const echoApp = await startTcpApp(t, echo);
  const api = await mesh.sidecar({
    service: 'api',
    expose: [`8080=127.0.0.1:${httpApp.port}`, `7000=127.0.0.1:${echoApp.port}`],
  });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080', 'api:7000'] });
  const [httpPort = 0, echoPort = 0] = web.upstreamPorts;

  const conversation = talk(await connectTcp(t, echoPort));
  const loads = [
    startHttpLoad(t, { port: httpPort, paceMs: 5 }),
    startHttpLoad(t, { port: httpPort, keepAlive: false, paceMs: 10 }),
  ];
  await Promise.all([api, web].map((sidecar) => rotatedTwice(sidecar)));
  const enrolled = await web.process.logged('enrolled');
  t.true(Date.now() > Number(enrolled['notAfterMs']), 'the first certificate has expired');
  await Promise.all(loads.map((load) => load.more(100)));

  for (const load of loads) {
    const { requests, failures, bodies } = await load.stop();
    t.deepEqual(failures, []);
    t.is(bodies.get('api'), requests);
  }
  const { sent, received } = await conversation.end();
  t.true(sent > 0);
  t.is(received, sent, 'the long-lived connection lost nothing');

  for (const sidecar of [api, web]) {
    const renewed = sidecar.process.log.filter(({ event }) => event === 'renewed');
    t.is(new Set(renewed.map((line) => line['serial'])).size, renewed.length);
    t.deepEqual(
      sidecar.process.log.filter(({ level }) => level !== 'info'),
      [],
    );
  }
  const samples = await carryingNothing([api, web]);
  for (const metrics of samples) {
    t.is(metrics.sum('hauberk_connections_failed_total'), 0);
    t.true(metrics.sum('hauberk_certificate_renewals_total') >= 2);
    t.is(metrics.sum('hauberk_certificate_renewal_failures_total'), 0);
    t.is(metrics.sum('hauberk_handshakes_refused_total'), 0);
    t.true(metrics.sum('hauberk_tunnels_opened_total') >= 3, 'tunnels were replaced');
  }
  await eventually('only tunnels of the current certificates are left', async () => {
    const open = (await web.metrics()).sum('hauberk_tunnels_open');
    return open <= 1 ? true : undefined;
  });
  t.is(await web.process.end(), 0);
  t.is(await api.process.end(), 0);
});

async function rotatedTwice({ process }: Sidecar): Promise<void> {
  await process.logged('renewed', undefined, { times: 2, deadlineMs: 40_000 });
}

/** Says something, waits until all of it has come back unchanged, and says the next thing. */
function talk(socket: Socket) {
  const phrase = randomBytes(16_384);
  let sent = 0;
  let received = 0;
  let ending = false;
  const say = (): void => {
    if (ending) socket.end();
    else {
      socket.write(phrase);
      sent += phrase.length;
    }
  };
  socket.on('data', (chunk: Buffer) => {
    const at = received % phrase.length;
    if (!phrase.subarray(at, at + chunk.length).equals(chunk)) socket.destroy(new Error('changed'));
    received += chunk.length;
    if (received === sent) setTimeout(say, PAUSE_MS);
  });
  say();
  return {
    async end() {
      ending = true;
      const how = await endOf(socket);
      if (how !== 'end') throw new Error(`the long-lived connection ended with: ${how}`);
      return { sent, received };
    },
  };
}
