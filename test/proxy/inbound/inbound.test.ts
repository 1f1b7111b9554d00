import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { Registry } from 'prom-client';
import { OPEN_POLICY, type Policy } from '../../../common/authorization/policy.ts';
import { systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network.ts';
import { adminId, spiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { createExposure } from '../../../proxy/workload/exposure.ts';
import { createInbound } from '../../../proxy/inbound/inbound.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import { localAllowances } from '../../../proxy/config/sidecar.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import type { IncomingStream } from '../../../proxy/tunnel/tunnel.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import { FakeStream } from '../stream/fake-stream.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

const self = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

const MISTAKE = new Error('a mistake of the program');

/** An inbound side whose port 8080 leads to the given local port, and what it did with a stream. */
function inboundTo(appPort: number, mesh: Policy | undefined = OPEN_POLICY) {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  const { logger, of } = createLogRecorder();
  const exposure = createExposure({
    ports: [{ port: 8080, target: { address: '127.0.0.1', port: appPort } }],
    anyPort: false,
    isReserved: () => false,
    localFor(address) {
      if (address === '10.0.0.66') throw MISTAKE;
      return address === '10.0.0.7' ? address : undefined;
    },
  });
  const allow = [{ port: 2379, service: 'client', namespace: undefined }];
  const policies = createPolicySource(
    self,
    localPolicy(localAllowances({ allow, namespace: 'shop' })),
  );
  if (mesh !== undefined)
    policies.set({ configVersion: 1, policy: mesh, egress: NO_EGRESS, routes: NO_ROUTES });
  const clock = systemClock;
  const guard = createGuard({ clock, logger });
  const workload = { id: self, policies, exposure, metrics, network: HOST_NETWORK };
  const handle = createInbound({ workload, clock, logger, guard });
  return {
    policies,
    of,
    handle,
    errors: () => guard.counts().get('inbound'),
    refusals: () => of('stream-refused'),
    failed: async () => parseMetrics(await registry.metrics()),
    /** Resolves with the status, or with the stream when it was accepted. */
    open(stream: { authority: string; peer?: SpiffeId }, accepted = new FakeStream()) {
      const { promise, resolve } = Promise.withResolvers<number | FakeStream>();
      const incoming: IncomingStream = {
        peer: stream.peer ?? web,
        authority: stream.authority,
        signal: new AbortController().signal,
        accept() {
          resolve(accepted);
          return accepted;
        },
        refuse: resolve,
      };
      handle(incoming);
      return promise;
    },
  };
}

async function listeningApp(t: ExecutionContext) {
  const app = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  t.teardown(() => app.close());
  await once(app, 'listening');
  return { app, port: (app.address() as AddressInfo).port };
}

test('an authorised stream is accepted once the application has accepted', async (t) => {
  const { app, port } = await listeningApp(t);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const inbound = inboundTo(port);
  const stream = new FakeStream();
  t.is(await inbound.open({ authority: '10.0.0.7:8080' }, stream), stream);
  const [accepted] = await connected;
  accepted.destroy();
  stream.closeAs('reset');
  t.deepEqual(inbound.refusals(), []);
});

for (const [reason, status, stream] of [
  ['malformed-authority', 400, { authority: 'api.shop:8080' }],
  ['wrong-destination', 400, { authority: '10.0.0.8:8080' }],
  ['not-exposed', 400, { authority: '10.0.0.7:22' }],
  ['denied-caller', 401, { authority: '10.0.0.7:2379' }],
  ['denied-system-identity', 401, { authority: '10.0.0.7:8080', peer: adminId('mesh.local') }],
] as const) {
  test(`a stream is refused with ${status} for ${reason}, and the application hears nothing`, async (t) => {
    const { app, port } = await listeningApp(t);
    app.on('connection', () => t.fail('the application was called'));
    const inbound = inboundTo(port);
    t.is(await inbound.open(stream), status);
    t.is(inbound.refusals()[0]?.['reason'], reason);
    t.is((await inbound.failed()).sum('hauberk_connections_failed_total', { reason }), 1);
  });
}

test('a connection whose requests would have to be decided about is not carried as bytes', async (t) => {
  const { app, port } = await listeningApp(t);
  app.on('connection', () => t.fail('the application was called'));
  const everybody = [{ kind: 'everybody' as const }];
  const requests = { methods: ['GET'], paths: [], grpcServices: [] };
  const rule = { name: 'read', audit: false, to: everybody, from: everybody, ports: [], requests };
  for (const action of ['allow', 'deny'] as const) {
    const inbound = inboundTo(port, { fallback: 'mesh', rules: [{ ...rule, action }] });
    t.is(await inbound.open({ authority: '10.0.0.7:8080' }), 401);
    t.is(inbound.refusals()[0]?.['reason'], 'denied-request');
  }
});

test('a stream is refused with 503 when the application does not accept', async (t) => {
  // A port that was free a moment ago may be another test's by now; nobody is given this one.
  const inbound = inboundTo(1);
  t.is(await inbound.open({ authority: '10.0.0.7:8080' }), 503);
  t.is(inbound.refusals()[0]?.['reason'], 'app-refused');
});

test('the application is let go when the tunnel dies before the first byte', async (t) => {
  const { app, port } = await listeningApp(t);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const lost = new FakeStream((stream) => stream.closeAs('lost'));
  await inboundTo(port).open({ authority: '10.0.0.7:8080' }, lost);
  const [accepted] = await connected;
  const [error] = (await once(accepted.resume(), 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
});

const WATCHING: Policy = {
  fallback: 'mesh',
  rules: [
    {
      name: 'trial',
      action: 'deny',
      audit: true,
      to: [{ kind: 'everybody' }],
      ports: [],
      from: [{ kind: 'everybody' }],
    },
  ],
};

test('a rule that is only watching lets in, and says so in log and metric', async (t) => {
  const { port } = await listeningApp(t);
  const inbound = inboundTo(port, WATCHING);
  const stream = new FakeStream();
  t.is(await inbound.open({ authority: '10.0.0.7:8080' }, stream), stream);
  stream.closeAs('reset');
  t.deepEqual(inbound.refusals(), []);
  t.like(inbound.of('stream-audited')[0], { peer: web.uri, rules: ['trial'] });
  const counted = { peer: web.uri, rule: 'trial' };
  t.is((await inbound.failed()).sum('hauberk_policy_audited_total', counted), 1);
});

test('a policy that changes while the application takes its time is heeded', async (t) => {
  const { app, port } = await listeningApp(t);
  const inbound = inboundTo(port);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const opening = inbound.open({ authority: '10.0.0.7:8080' });
  // The connection to the application is under way: no turn of the event loop has passed yet.
  inbound.policies.set({
    configVersion: 2,
    policy: { fallback: 'none', rules: [] },
    egress: NO_EGRESS,
    routes: NO_ROUTES,
  });
  t.is(await opening, 401);
  t.is(inbound.refusals()[0]?.['reason'], 'denied-default');
  const [accepted] = await connected;
  const [error] = (await once(accepted.resume(), 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
});

test('a mistake before the decision is counted, and the stream refused with 503', async (t) => {
  const inbound = inboundTo(1);
  t.is(await inbound.open({ authority: '10.0.0.66:8080' }), 503);
  t.is(inbound.errors(), 1);
});

test('a mistake while it is carried is counted, and stream and application are reset', async (t) => {
  const { app, port } = await listeningApp(t);
  const inbound = inboundTo(port);
  const connected = once(app, 'connection') as Promise<[net.Socket]>;
  const stream = new FakeStream(() => {
    throw MISTAKE;
  });
  await inbound.open({ authority: '10.0.0.7:8080' }, stream);
  const [accepted] = await connected;
  const [error] = (await once(accepted.resume(), 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
  t.deepEqual(stream.calls, ['start', 'reset']);
  t.is(inbound.errors(), 1);
  const metrics = await inbound.failed();
  t.is(metrics.sum('hauberk_connections_open', { direction: 'inbound' }), 0);
});
