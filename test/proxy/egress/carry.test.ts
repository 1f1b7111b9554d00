/** Connections to servers outside, over real TLS: carried as the policy says, or reset with the reason. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import {
  NO_EGRESS,
  type Egress,
  type EgressDestination,
} from '../../../common/authorization/egress.ts';
import { momentOf } from '../../../common/dates.ts';
import { systemClock, type Clock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { createIdentitySource } from '../../../proxy/identity/mutable-source.ts';
import { listenEgress } from '../../../proxy/egress/egress-listener.ts';
import { createEgress } from '../../../proxy/egress/egress.ts';
import { withRequestsObserved } from '../../../proxy/http/observe/observed-metrics.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { oddCertificate, oddName, type OddContents } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { callInVain, connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import {
  filesFor,
  policyFor,
  shows,
  startOutsideServer,
  startVerifyingServer,
} from './outside-server.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

const mesh = createTestAuthority();
const outside = createTestAuthority({ trustDomain: 'outside.example' });
const stranger = createTestAuthority({ trustDomain: 'stranger.example' });
const web = mesh.workload('shop', 'web');
const DAY_MS = 86_400_000;

function site(contents: Partial<OddContents> = {}, authority = outside) {
  return oddCertificate(authority.issuer, {
    altNames: [oddName.dns('pay.example')],
    ...contents,
  });
}

const identity = createIdentitySource({
  spiffeId: web.spiffeId,
  privateKey: web.privateKey,
  chain: web.chain,
  bundle: mesh.bundle,
  received: momentOf(systemClock),
  lifetimeMs: DAY_MS,
});

/** A sidecar's port for the server, under a policy. */
async function door(
  t: ExecutionContext,
  port: number,
  change: (policy: EgressDestination) => Partial<EgressDestination> | undefined = () => ({}),
  egress: Partial<Egress> = {},
  clock: Clock = systemClock,
) {
  const files = await filesFor(t, { 'ca.pem': outside.root.certificate.toString() });
  const policy = policyFor({ port, ca: files['ca.pem'] ?? '' });
  const changes = change(policy);
  const destinations = changes === undefined ? [] : [{ ...policy, ...changes }];
  const registry = new Registry();
  const recorder = createLogRecorder();
  const policies = createPolicySource(web.spiffeId, ALLOWS);
  const say = (next: Partial<Egress>): void =>
    policies.set({ ...MESH, egress: { ...NO_EGRESS, ...next } });
  say({ destinations, ...egress });
  const { logger } = recorder;
  const guard = createGuard({ clock, logger });
  const looking = { clock, guard, opaquePorts: [] };
  const metricsOf = withRequestsObserved(createProxyMetrics(registry), looking);
  const own = { metrics: metricsOf, network: HOST_NETWORK };
  const workload = { id: web.spiffeId, identity, policies, ...own };
  const wayOut = createEgress({ workload, clock, guard, logger, mayLog: () => true });
  t.teardown(() => wayOut.close());
  const listener = await listenEgress(
    { listen: { host: '127.0.0.1', port: 0 }, target: { host: '127.0.0.1', port } },
    { egress: wayOut, logger, guard, ...own },
  );
  t.teardown(() => listener.close());
  const metrics = async () => parseMetrics(await registry.metrics());
  const peer = `tls://127.0.0.1:${port}`;
  return { port: listener.address.port, recorder, metrics, peer, policy, say };
}

const ALLOWS = { fallback: 'mesh', rules: [] } as const;
const MESH = { configVersion: 1, policy: ALLOWS, routes: NO_ROUTES };

type Door = Awaited<ReturnType<typeof door>>;

async function carries(t: ExecutionContext, { port, metrics, peer }: Door): Promise<void> {
  const socket = await connectTcp(t, port);
  socket.write('hello');
  t.is(await readText(socket, 5), 'hello');
  socket.end();
  t.is(await endOf(socket), 'end');
  const closed = await eventually('it is counted', async () => {
    const samples = await metrics();
    return samples.has('hauberk_connections_closed_total', { peer }) ? samples : undefined;
  });
  t.is(closed.sum('hauberk_connections_closed_total', { peer, reason: 'complete' }), 1);
  t.is(closed.sum('hauberk_protocols_detected_total', { protocol: 'tcp' }), 1, 'it is looked at');
}

async function refuses(
  t: ExecutionContext,
  { port, metrics, peer, recorder }: Door,
  reason: string,
) {
  t.is(await callInVain(port), 'reset');
  const [line] = await eventually('it is said', () => {
    const lines = recorder.of('egress-failed');
    return lines.length > 0 ? lines : undefined;
  });
  t.like(line, { reason, peer });
  const samples = await metrics();
  t.is(samples.sum('hauberk_connections_failed_total', { peer, reason }), 1);
}

test('what the policy wants is carried, and half of it may end', async (t) => {
  const server = await startOutsideServer(t, shows(site()));
  await carries(t, await door(t, server.port));
  t.like(server.seen, [{ protocol: 'TLSv1.3', names: undefined }]);
});

const REFUSED: readonly [
  title: string,
  reason: string,
  contents: Partial<OddContents>,
  change: Partial<EgressDestination>,
][] = [
  ['for another name', 'name-mismatch', { altNames: [oddName.dns('evil.example')] }, {}],
  ['that has expired', 'expired', { notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS }, {}],
  [
    'of tomorrow',
    'not-yet-valid',
    { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS },
    {},
  ],
  ['with its name in the subject only', 'cn-only', { altNames: [], commonName: 'pay.example' }, {}],
];

for (const [title, reason, contents, change] of REFUSED) {
  test(`a certificate ${title} is refused as ${reason}, and nothing was sent`, async (t) => {
    const server = await startOutsideServer(t, shows(site(contents)));
    await refuses(t, await door(t, server.port, () => change), reason);
    t.is(server.heard(), '');
  });
}

test('a subject counts where the policy says so', async (t) => {
  const contents = { altNames: [], commonName: 'pay.example' };
  const server = await startOutsideServer(t, shows(site(contents)));
  await carries(t, await door(t, server.port, () => ({ allowCommonName: true })));
});

test('the store of the policy is the only one: neither the mesh nor the system add to it', async (t) => {
  for (const authority of [stranger, mesh]) {
    const server = await startOutsideServer(t, shows(site({}, authority)));
    await refuses(t, await door(t, server.port), 'unknown-ca');
    t.is(server.heard(), '');
  }
});

test('a policy that cannot be kept does not even knock', async (t) => {
  const server = await startOutsideServer(t, shows(site()));
  const files = await filesFor(t, {
    'empty.pem': '',
    'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'other.key': shows(site()).key,
    'client.pem': shows(site()).cert,
  });
  const paths = ['/nonexistent/ca.pem', files['empty.pem'] ?? '', files['broken.pem'] ?? ''];
  for (const path of paths) {
    const anchors = { kind: 'files', paths: [path] } as const;
    await refuses(t, await door(t, server.port, () => ({ anchors })), 'ca-unavailable');
  }
  const certificate = files['client.pem'] ?? '';
  for (const key of ['/nonexistent/key.pem', files['other.key'] ?? '', files['empty.pem'] ?? '']) {
    const clientCertificate = { kind: 'files', certificate, key } as const;
    const port = await door(t, server.port, () => ({ clientCertificate }));
    await refuses(t, port, 'client-key-unavailable');
  }
  t.deepEqual(server.seen, []);
});

test('a file that is replaced counts for the next connection, in both directions', async (t) => {
  const server = await startOutsideServer(t, shows(site()));
  const files = await filesFor(t, { ca: stranger.root.certificate.toString() });
  const path = files['ca'] ?? '';
  const sidecar = await door(t, server.port, () => ({ anchors: { kind: 'files', paths: [path] } }));
  await refuses(t, sidecar, 'unknown-ca');
  await writeFile(path, outside.root.certificate.toString());
  await carries(t, sidecar);
  await writeFile(path, stranger.root.certificate.toString());
  t.is(await callInVain(sidecar.port), 'reset');
  t.is(server.heard(), 'hello');
});

test('a server that says nothing is not waited for', async (t) => {
  const silent = net.createServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const clock = createManualClock();
  const { port: number } = silent.address() as net.AddressInfo;
  const accepted = once(silent, 'connection') as Promise<[net.Socket]>;
  const refused = refuses(t, await door(t, number, () => ({}), {}, clock), 'timeout');
  const [connection] = await accepted;
  connection.on('error', () => {}).resume();
  await clock.advance(15_000);
  await refused;
});

test('with two policies for the target nothing is sent, in whatever order they are', async (t) => {
  const server = await startOutsideServer(t, shows(site()));
  const { policy } = await door(t, server.port);
  const other = { ...policy, hostname: 'evil.example' };
  for (const destinations of [
    [policy, other],
    [other, policy],
    [policy, policy],
  ]) {
    await refuses(t, await door(t, server.port, undefined, { destinations }), 'conflicted');
  }
  t.deepEqual(server.seen, []);
});

test('without a policy, or off the list, nothing is sent', async (t) => {
  const server = await startOutsideServer(t, shows(site()));
  await refuses(t, await door(t, server.port, () => undefined), 'no-egress-policy');
  const elsewhere = [{ from: [{ kind: 'everybody' }], to: [] }] as const;
  for (const allowances of [[], elsewhere]) {
    const port = await door(t, server.port, undefined, { allowances });
    await refuses(t, port, 'egress-not-allowed');
  }
  t.deepEqual(server.seen, []);
});

for (const version of ['1.2', '1.3'] as const) {
  const serverOf = async (t: ExecutionContext) => {
    const { cert, key } = shows(site());
    const files = await filesFor(t, { cert, key, ca: mesh.root.certificate.toString() });
    const [certificate = '', privateKey = '', ca = ''] = Object.values(files);
    const args = ['-cert_chain', certificate, '-cert', certificate, '-key', privateKey];
    const only = `-tls${version.replace('.', '_')}`;
    return startVerifyingServer(t, [
      ...args,
      only,
      '-Verify',
      '3',
      '-CAfile',
      ca,
      '-verify_return_error',
    ]);
  };

  requires('openssl')(`TLS ${version}: a server that wants a certificate gets ours`, async (t) => {
    const server = await serverOf(t);
    const { port } = await door(t, server.port, () => ({ clientCertificate: { kind: 'mesh' } }));
    const socket = await connectTcp(t, port);
    socket.write('hello\n');
    t.is(await readText(socket, 6), 'olleh\n');
  });

  requires('openssl')(`TLS ${version}: without one it is said that it is wanted`, async (t) => {
    const server = await serverOf(t);
    await refuses(t, await door(t, server.port), 'client-certificate-wanted');
  });

  requires('openssl')(`TLS ${version}: one of somebody else's is rejected`, async (t) => {
    const server = await serverOf(t);
    const files = await filesFor(t, shows(site({}, stranger)));
    const [certificate = '', key = ''] = Object.values(files);
    const clientCertificate = { kind: 'files', certificate, key } as const;
    const port = await door(t, server.port, () => ({ clientCertificate }));
    await refuses(t, port, 'client-certificate-rejected');
  });
}

test('the certificate of the mesh is the one that is shown', async (t) => {
  const server = await startOutsideServer(t, {
    ...shows(site()),
    ca: mesh.root.certificate.toString(),
    requestCert: true,
  });
  await carries(t, await door(t, server.port, () => ({ clientCertificate: { kind: 'mesh' } })));
  t.regex(server.seen[0]?.names ?? '', /^URI:spiffe:\/\/mesh\.local\/ns\/shop\/sa\/web,/);
});

test('a server that is too old, silent or not there is no reason for less', async (t) => {
  const old = await startOutsideServer(t, { ...shows(site()), maxVersion: 'TLSv1.2' });
  await carries(t, await door(t, old.port));
  await refuses(t, await door(t, old.port, () => ({ minVersion: '1.3' })), 'handshake');
  await refuses(t, await door(t, 1), 'unreachable');
});

test('ALPN and SNI are what the policy says', async (t) => {
  const names: string[] = [];
  const server = await startOutsideServer(t, {
    ...shows(site()),
    ALPNProtocols: ['h2', 'http/1.1'],
    SNICallback: (name, callback) => {
      names.push(name);
      callback(null);
    },
  });
  await carries(t, await door(t, server.port, () => ({ alpn: ['http/1.1'] })));
  t.like(server.seen, [{ alpn: 'http/1.1' }]);
  t.deepEqual(names, ['pay.example']);
});

const CUTS: readonly [
  title: string,
  reason: string | undefined,
  change: (policy: EgressDestination) => Partial<Egress>,
][] = [
  ['that is taken away', 'no-egress-policy', () => ({})],
  [
    'that is taken off the list',
    'egress-not-allowed',
    (policy) => ({ destinations: [policy], allowances: [] }),
  ],
  [
    'that asks for another name',
    'policy-changed',
    (policy) => ({ destinations: [{ ...policy, hostname: 'shop.example' }] }),
  ],
  [
    'that asks for another authority',
    'policy-changed',
    (policy) => ({
      destinations: [{ ...policy, anchors: { kind: 'files', paths: ['/another.pem'] } }],
    }),
  ],
  [
    'that shows a certificate now',
    'policy-changed',
    (policy) => ({ destinations: [{ ...policy, clientCertificate: { kind: 'mesh' } }] }),
  ],
  [
    'that has another one beside it for the same target',
    'conflicted',
    (policy) => ({ destinations: [policy, { ...policy, hostname: 'shop.example' }] }),
  ],
  [
    'that replaces the Host',
    'needs-gateway',
    (policy) => ({ destinations: [{ ...policy, preserveHost: false }] }),
  ],
  [
    'that stays as it is beside another one',
    undefined,
    (policy) => ({ destinations: [{ ...policy, host: 'other.example' }, policy] }),
  ],
  [
    'that only offers other protocols',
    undefined,
    (policy) => ({ destinations: [{ ...policy, alpn: ['http/1.1'] }] }),
  ],
];

for (const [title, reason, change] of CUTS) {
  const what = reason === undefined ? 'goes on' : `is cut: ${reason}`;
  test(`an open connection by a policy ${title} ${what}`, async (t) => {
    const server = await startOutsideServer(t, shows(site()));
    const { port, policy, say, recorder, metrics, peer } = await door(t, server.port);
    const socket = await connectTcp(t, port);
    socket.write('hello');
    t.is(await readText(socket, 5), 'hello');
    say(change(policy));
    if (reason === undefined) {
      socket.write('again');
      t.is(await readText(socket, 5), 'again');
      t.deepEqual(recorder.of('egress-cut'), []);
      return;
    }
    t.is(await endOf(socket), 'reset');
    t.like(recorder.of('egress-cut'), [{ reason, peer }]);
    await eventually('it is counted', async () => {
      const samples = await metrics();
      return samples.sum('hauberk_connections_closed_total', { peer, reason: 'denied' }) === 1
        ? true
        : undefined;
    });
  });
}
