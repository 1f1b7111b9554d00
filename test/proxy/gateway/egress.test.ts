/** Routes that lead to servers outside: in TLS as the policy says, or an answer of our own with the reason. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import {
  destinationAt,
  NO_EGRESS,
  type Egress,
  type EgressDestination,
} from '../../../common/authorization/egress.ts';
import { momentOf } from '../../../common/dates.ts';
import { systemClock } from '../../../common/clock.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { openEgressForProgram } from '../../../proxy/egress/open-for-program.ts';
import type { EgressCut } from '../../../proxy/egress/policy-at.ts';
import { createIdentitySource } from '../../../proxy/identity/mutable-source.ts';
import { TrustMaterials } from '../../../proxy/egress/trust-material.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { LiveConnections } from '../../../proxy/policy/live-connections.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import { oddCertificate, oddName, type OddContents } from '../../helpers/pki/odd-certificate.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { filesFor, policyFor, shows, startVerifyingServer } from '../egress/outside-server.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

const mesh = createTestAuthority();
const outside = createTestAuthority({ trustDomain: 'outside.example' });
const stranger = createTestAuthority({ trustDomain: 'stranger.example' });
const edge = mesh.workload('shop', 'edge');
const DAY_MS = 86_400_000;
const ALLOWS = { fallback: 'mesh', rules: [] } as const;

const identity = createIdentitySource({
  spiffeId: edge.spiffeId,
  privateKey: edge.privateKey,
  chain: edge.chain,
  bundle: mesh.bundle,
  received: momentOf(systemClock),
  lifetimeMs: DAY_MS,
});

/** A server outside that says what it was asked. */
async function startSite(
  t: ExecutionContext,
  contents: Partial<OddContents>,
  options: https.ServerOptions,
): Promise<{ readonly port: number; readonly connections: () => number }> {
  const certificate = oddCertificate(outside.issuer, {
    altNames: [oddName.dns('pay.example')],
    ...contents,
  });
  let connections = 0;
  const server = https.createServer({ ...shows(certificate), ...options }, (request, response) => {
    const shown = (request.socket as TLSSocket).getPeerX509Certificate();
    request
      .setEncoding('utf8')
      .toArray()
      .then(
        (body) => {
          const { host, 'x-forwarded-proto': scheme } = request.headers;
          response.end([host, scheme, shown?.subjectAltName ?? 'nobody', ...body].join(' '));
        },
        () => {},
      );
  });
  server.on('secureConnection', () => (connections += 1));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

interface Changes {
  readonly contents?: Partial<OddContents>;
  readonly server?: https.ServerOptions;
  /** Undefined: there is no policy. */
  readonly policy?: Partial<EgressDestination> | undefined;
  readonly egress?: Partial<Egress>;
  /** Another server is there, and not ours. */
  readonly port?: number;
  /** More of the route, in YAML. */
  readonly route?: string;
}

/** A gateway whose one route leads to a server outside. */
async function world(t: ExecutionContext, changes: Changes = {}) {
  const own = await startSite(t, changes.contents ?? {}, changes.server ?? {});
  const site = { ...own, port: changes.port ?? own.port };
  const { ca = '' } = await filesFor(t, { ca: outside.root.certificate.toString() });
  const made = policyFor({ port: site.port, ca }, changes.policy);
  const policies = createPolicySource(edge.spiffeId, ALLOWS);
  const say = (egress: Partial<Egress>): void =>
    policies.set({
      configVersion: 1,
      policy: ALLOWS,
      egress: { ...NO_EGRESS, ...egress },
      routes: NO_ROUTES,
    });
  const hasPolicy = !('policy' in changes) || changes.policy !== undefined;
  say({ destinations: hasPolicy ? [made] : [], ...changes.egress });
  const registry = new Registry();
  const { logger } = createLogRecorder();
  const dependencies = {
    clock: systemClock,
    logger,
    mayLog: () => true,
    network: HOST_NETWORK,
    metrics: createProxyMetrics(registry),
    self: edge.spiffeId,
    trust: new TrustMaterials({ source: identity, policies }),
    policies,
    live: new LiveConnections<EgressCut>(policies),
    conditions: { opened: () => {}, failed: () => {} },
  };
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'https://127.0.0.1:${site.port}' ${changes.route ?? ''}}]}\n`,
    egressPolicyOf(place) {
      const found = policies.mesh && destinationAt(policies.mesh.egress, place);
      return found?.kind === 'one' ? found.destination : undefined;
    },
    openEgressConnection: (place, signal) => openEgressForProgram(place, dependencies, signal),
  });
  const ask = async (body = ''): Promise<string> => {
    const method = body === '' ? 'GET' : 'POST';
    const request = http.request({ port: gateway.port('web'), host: '127.0.0.1', method });
    request.setHeader('Host', 'www.example.com');
    request.end(body);
    const [response] = (await within('it is answered', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    const chunks = (await response.setEncoding('utf8').toArray()) as string[];
    const text = chunks.join('');
    return response.statusCode === 200 ? `200 ${text}` : text;
  };
  const peer = `tls://127.0.0.1:${site.port}`;
  const egressMetrics = async () => parseMetrics(await registry.metrics());
  return { gateway, ask, site, say, made, peer, egressMetrics };
}

test('a request is led to a server outside, in TLS, as the policy says', async (t) => {
  const { ask, site, peer, egressMetrics, gateway } = await world(t);
  t.deepEqual(gateway.routed, [[{ host: '127.0.0.1', port: site.port }]]);
  t.is(await ask(), '200 www.example.com http nobody');
  t.is(await ask('a body'), '200 www.example.com http nobody a body');
  t.is(site.connections(), 1, 'the connection is kept for the next request');
  const samples = await egressMetrics();
  t.is(samples.sum('hauberk_connections_opened_total', { peer, direction: 'outbound' }), 1);
});

for (const [route, policy, own] of [
  ['', true, false],
  ['', false, true],
  [', preserveHost: false', true, true],
  [', preserveHost: false', false, true],
  [', preserveHost: true', true, false],
  [', preserveHost: true', false, false],
] as const) {
  const who = own ? 'its own name' : "the client's Host";
  test(`a server outside gets ${who}: policy ${policy}, route ${route || 'silent'}`, async (t) => {
    const { ask, site } = await world(t, { route, policy: { preserveHost: policy } });
    const host = own ? `pay.example:${site.port}` : 'www.example.com';
    t.is(await ask(), `200 ${host} http nobody`);
  });
}

test('a policy that changes what Host is sent counts for the next request', async (t) => {
  const { ask, site, say, made } = await world(t);
  t.is(await ask(), '200 www.example.com http nobody');
  say({ destinations: [{ ...made, preserveHost: false }] });
  t.is(await ask(), `200 pay.example:${site.port} http nobody`);
  t.is(site.connections(), 1, 'nobody has to prove anything again');
});

test("the gateway's own certificate is shown where the policy says so", async (t) => {
  const server = { ca: mesh.root.certificate.toString(), requestCert: true };
  const { ask } = await world(t, { server, policy: { clientCertificate: { kind: 'mesh' } } });
  t.regex(await ask(), /^200 .*URI:spiffe:\/\/mesh\.local\/ns\/shop\/sa\/edge/);
});

test('two policies for one place are an answer of our own', async (t) => {
  const { ask, say, made, site } = await world(t);
  say({ destinations: [made, { ...made, hostname: 'evil.example' }] });
  t.is(await ask(), '503 Service Unavailable\n');
  t.is(site.connections(), 0);
});

const missing = { kind: 'files', paths: ['/nonexistent.pem'] } as const;
const REFUSED: readonly [reason: string, answer: string, changes: Changes][] = [
  ['no-egress-policy', '503 Service Unavailable', { policy: undefined }],
  ['egress-not-allowed', '503 Service Unavailable', { egress: { allowances: [] } }],
  ['ca-unavailable', '503 Service Unavailable', { policy: { anchors: missing } }],
  [
    'client-key-unavailable',
    '503 Service Unavailable',
    { policy: { clientCertificate: { kind: 'files', certificate: '/no.pem', key: '/no.key' } } },
  ],
  [
    'unknown-ca',
    '502 Bad Gateway',
    { server: shows(oddCertificate(stranger.issuer, { altNames: [oddName.dns('pay.example')] })) },
  ],
  ['name-mismatch', '502 Bad Gateway', { contents: { altNames: [oddName.dns('evil.example')] } }],
  ['expired', '502 Bad Gateway', { contents: { notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS } }],
  ['cn-only', '502 Bad Gateway', { contents: { altNames: [], commonName: 'pay.example' } }],
  [
    'client-certificate-wanted',
    '502 Bad Gateway',
    {
      server: { ca: mesh.root.certificate.toString(), requestCert: true, rejectUnauthorized: true },
    },
  ],
  [
    'handshake',
    '502 Bad Gateway',
    { server: { ALPNProtocols: ['h2'] }, policy: { alpn: ['h2', 'http/1.1'] } },
  ],
];

async function failsClosed(
  t: ExecutionContext,
  reason: string,
  answer: string,
  changes: Changes,
): Promise<void> {
  const { gateway, ask, peer, egressMetrics } = await world(t, changes);
  t.is(await ask(), `${answer}\n`);
  t.like(gateway.log.of('request-refused'), [{ reason, listener: 'web', host: 'www.example.com' }]);
  const refused = 'hauberk_gateway_requests_refused_total';
  t.is((await gateway.metrics()).sum(refused, { listener: 'web', reason }), 1);
  await eventually('it is counted as a failed connection', async () => {
    const samples = await egressMetrics();
    return samples.sum('hauberk_connections_failed_total', { peer, reason }) > 0 || undefined;
  });
}

for (const [reason, answer, changes] of REFUSED) {
  test(`it fails closed: ${reason}`, (t) => failsClosed(t, reason, answer, changes));
}

requires('openssl')('it fails closed: client-certificate-rejected', async (t) => {
  const shown = shows(oddCertificate(outside.issuer, { altNames: [oddName.dns('pay.example')] }));
  const {
    cert = '',
    key = '',
    ca = '',
  } = await filesFor(t, {
    ...shown,
    ca: stranger.root.certificate.toString(),
  });
  const own = ['-cert_chain', cert, '-cert', cert, '-key', key];
  const asks = ['-Verify', '3', '-CAfile', ca, '-verify_return_error'];
  const { port } = await startVerifyingServer(t, [...own, ...asks]);
  const changes = { port, policy: { clientCertificate: { kind: 'mesh' } } } as const;
  await failsClosed(t, 'client-certificate-rejected', '502 Bad Gateway', changes);
});

test('a policy that changes counts for connections that were kept', async (t) => {
  const { ask, site, say, made } = await world(t);
  t.regex(await ask(), /^200 /);
  say({ destinations: [made], allowances: [] });
  t.is(await ask('a body that is not sent'), '503 Service Unavailable\n');
  say({ destinations: [made] });
  t.regex(await ask(), /^200 /);
  t.is(site.connections(), 2);
});
