/**
 * One connection sends TLS records that carry nothing, as fast as it can: KeyUpdates, which cost us
 * hundreds of times what they cost the sender. It comes to every port that ends TLS, with a certificate
 * where one is needed, plainly and between frames that nobody knows. The connection is ended with its
 * reason, and honest callers go on. Records that carry a byte each are slow, and no flood.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { besiege } from '../../helpers/mesh/besieged-mesh.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  buildFlood,
  type FloodKind,
  type FloodOptions,
} from '../../helpers/clients/tls-flood/flood.ts';
import { floodSealed } from '../../helpers/clients/tls-flood/sealed-flood.ts';
import { certificateFiles } from '../../proxy/gateway/certificate-files.ts';

const test = requires('cc', 'stdlib.h', 'openssl/ssl.h');

/** Enough for a million KeyUpdates on a quiet machine; only what is not ended lasts so long. */
const SECONDS = 20;
const CERTIFICATES = 'certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]';
const TLS = `tls: {mode: Terminate, ${CERTIFICATES}}`;
const LISTENERS = `
  - {name: https, listen: '127.0.0.1:0', protocol: HTTPS, ${TLS}, routes: [{backend: 'api:8080'}]}
  - {name: tls, listen: '127.0.0.1:0', protocol: TLS, ${TLS}, routes: [{backend: 'echo:7'}]}
`;

/** A port that ends TLS, how it is flooded, and where it says why it ended a connection. */
interface Port extends Pick<FloodOptions, 'port' | 'alpn' | 'credentials'> {
  readonly kinds: readonly FloodKind[];
  readonly metrics: () => Promise<MetricSamples>;
  readonly metric: string;
}

async function start(t: ExecutionContext) {
  const siege = await besiege(t);
  const { mesh, api, web } = siege;
  const echo = await startTcpApp(t, (socket) => socket.pipe(socket));
  await mesh.sidecar({ service: 'echo', expose: [`7=127.0.0.1:${echo.port}`] });
  const www = createTestAuthority().workload('edge', 'www');
  for (const [name, text] of Object.entries(certificateFiles('www', www))) {
    await writeFile(path.join(mesh.directory, name), text);
  }
  const gateway = await startGateway(t, mesh, LISTENERS.replaceAll('DIR', mesh.directory));
  const state = await readFile(path.join(web.stateDirectory, 'identity.json'), 'utf8');
  const { privateKey: key = '', chain: cert = '' } = JSON.parse(state) as Record<string, string>;
  const { controlPlane } = mesh;
  const ofGateway = {
    metrics: () => gateway.metrics(),
    metric: 'hauberk_gateway_connections_refused_total',
  };
  const all: readonly FloodKind[] = ['update', 'requested', 'hidden'];
  const ports: Record<string, Port> = {
    '15008, a member': {
      port: api.hbonePort,
      alpn: 'h2',
      credentials: { cert, key },
      kinds: ['update', 'requested'],
      metrics: () => api.metrics(),
      metric: 'hauberk_tunnels_closed_total',
    },
    '15012, a stranger': {
      port: controlPlane.grpcPort,
      alpn: 'h2',
      kinds: all,
      metrics: () => controlPlane.metrics(),
      metric: 'hauberk_grpc_connections_failed_total',
    },
    'HTTPS of a gateway, in HTTP/2': {
      port: await gateway.port('https'),
      alpn: 'h2',
      kinds: all,
      ...ofGateway,
    },
    'HTTPS of a gateway, in HTTP/1': {
      port: await gateway.port('https'),
      alpn: 'http/1.1',
      kinds: ['update', 'requested'],
      ...ofGateway,
    },
    'TLS of a gateway': {
      port: await gateway.port('tls'),
      alpn: 'http/1.1',
      kinds: ['update', 'requested'],
      ...ofGateway,
    },
  };
  return { siege, ports, flood: await buildFlood(t) };
}

test('a flood of records without data ends its connection on every port, and nobody else notices', async (t) => {
  const { siege, ports, flood } = await start(t);
  const { mesh, admin } = siege;
  for (const [name, { port, alpn, credentials, kinds, metrics, metric }] of Object.entries(ports)) {
    const reason = { reason: 'record-flood' };
    t.true((await metrics()).has(metric, reason), `${name}: the reason is known from the start`);
    const before = (await metrics()).sum(metric, reason);
    for (const kind of kinds) {
      const { outcome } = await flood({ port, kind, seconds: SECONDS, alpn, credentials });
      t.is(await within(`${name}: the end of ${kind}`, outcome), 'ended', `${name}: ${kind}`);
    }
    await eventually(
      `${name}: the reason in the metric`,
      async () => (await metrics()).sum(metric, reason) === before + kinds.length || undefined,
    );
  }
  t.is(await getOnce(mesh.controlPlane.httpPort, '/readyz').then(() => 'ready'), 'ready');
  t.true((await admin.listWorkloads()).length > 0);
  await siege.unharmed(t);

  // Each record has a byte of data.
  const { port, metrics, metric } = ports['TLS of a gateway'] ?? t.fail();
  const before = (await metrics()).sum(metric);
  const { outcome } = await flood({ port, kind: 'bytes', seconds: 2, alpn: 'http/1.1' });
  t.is(await outcome, 'open');
  t.is((await metrics()).sum(metric), before);
});

test('records that are empty, or warn, end their connection on every port as well', async (t) => {
  const { siege, ports } = await start(t);
  for (const [name, port] of Object.entries(ports)) {
    for (const kind of ['empty', 'warning'] as const) {
      const { ended } = await floodSealed(t, { ...port, kind });
      await within(`${name}: the end of records that are ${kind}`, ended);
    }
  }
  await siege.unharmed(t);
});

test('a stranger at a sidecar is refused before it can flood', async (t) => {
  const { siege, flood } = await start(t);
  const { api } = siege;
  const { outcome } = await flood({
    port: api.hbonePort,
    kind: 'update',
    seconds: SECONDS,
    alpn: 'h2',
  });
  t.is(await within('the end', outcome), 'ended');
  await api.process.logged('handshake-refused', ({ reason }) => reason === 'certificate-missing');
  await siege.unharmed(t);
});
