import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Hello, LocalAllowance } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { LOST_TTL_MS } from '../../../../control-plane/registry/registry.ts';
import { HELLO_TIMEOUT_MS } from '../../../../control-plane/api/sync/sync.ts';
import { PUSH_INTERVAL_MS } from '../../../../control-plane/api/sync/hub.ts';
import { eventually } from '../../../helpers/deadline.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../../control-plane-under-test.ts';
import { hello, openSyncStream, type SyncStreamUnderTest } from './sync-stream-under-test.ts';

interface Mesh {
  readonly cp: ControlPlaneUnderTest;
  readonly web: TestIdentity;
  readonly api: TestIdentity;
}

async function startMesh(t: ExecutionContext): Promise<Mesh> {
  const cp = await startControlPlaneUnderTest(t);
  const [web, api] = await Promise.all([cp.enrol('shop', 'web'), cp.enrol('shop', 'api')]);
  return { cp, web, api };
}

/** Says hello, and takes the answer. */
async function join(
  cp: ControlPlaneUnderTest,
  identity: TestIdentity,
  values: Partial<Hello>,
): Promise<{
  stream: SyncStreamUnderTest;
  first: Awaited<ReturnType<SyncStreamUnderTest['next']>>;
}> {
  const stream = openSyncStream(cp, identity);
  stream.say(hello(values));
  return { stream, first: await stream.next() };
}

/** Pushes wait for each other; this lets the next one go. */
const flush = (cp: ControlPlaneUnderTest): Promise<void> => cp.clock.advance(PUSH_INTERVAL_MS);

test('a kind of message that only a newer sidecar knows is ignored, and the stream goes on', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream } = await join(cp, web, { instanceId: 'web-1' });
  stream.sayUnknown();
  await flush(cp);
  await join(cp, api, { instanceId: 'api-1', addresses: ['10.0.0.2'] });
  await flush(cp);
  const told = await stream.next();
  t.is(told.kind, 'delta');
});

test('a sidecar gets a snapshot, then deltas', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream, first } = await join(cp, web, { instanceId: 'web-1' });
  if (first.kind !== 'snapshot') return t.fail('expected a snapshot first');
  t.deepEqual(
    first.endpoints.map(({ instanceId }) => instanceId),
    ['web-1'],
  );
  t.deepEqual(
    first.bundle?.roots,
    cp.operator.roots.map(({ raw }) => raw),
  );

  await flush(cp);
  await join(cp, api, {
    instanceId: 'api-1',
    addresses: ['10.0.0.2', 'FD00::2', '10.0.0.2'],
    ports: [8081, 8080, 8080],
  });
  await flush(cp);
  const delta = await stream.next();
  if (delta.kind !== 'delta') return t.fail('expected a delta');
  t.true(delta.version > first.version);
  t.deepEqual(delta.upserted, [
    {
      instanceId: 'api-1',
      spiffeId: 'spiffe://mesh.local/ns/shop/sa/api',
      // It comes from 127.0.0.1: what it says of other addresses is a claim.
      addresses: [],
      allAddresses: ['10.0.0.2', 'fd00::2'],
      contests: [],
      hbonePort: 15_008,
      ports: [8080, 8081],
      anyPort: false,
    },
  ]);
  t.is(delta.bundle, undefined);
});

test('a sidecar without an address is where it is seen; one that only calls is no endpoint', async (t) => {
  const { cp, web, api } = await startMesh(t);
  await join(cp, api, { instanceId: 'api-1', hbonePort: 0 });
  const { first } = await join(cp, web, { addresses: [] });
  if (first.kind !== 'snapshot') return t.fail('expected a snapshot first');
  t.deepEqual(
    first.endpoints.map(({ instanceId, addresses }) => `${instanceId} at ${addresses.join()}`),
    ['web-1 at 127.0.0.1'],
  );
});

test('Goodbye takes the endpoint out at once, and the stream goes on', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream: watcher } = await join(cp, web, {});
  const { stream: leaver } = await join(cp, api, { instanceId: 'api-1' });
  await flush(cp);
  await watcher.next();
  leaver.say({ $case: 'goodbye', value: {} });
  await eventually('api-1 is gone', async () => {
    await flush(cp);
    return watcher.waiting > 0 || undefined;
  });
  const delta = await watcher.next();
  t.deepEqual(delta.kind === 'delta' && delta.removed, ['api-1']);
  t.is(cp.controlPlane && (await cp.admin.listWorkloads()).filter((w) => w.connected).length, 2);
});

test('the endpoint of a sidecar that was killed stays for a while, and then goes', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream: watcher } = await join(cp, web, {});
  const { stream: victim } = await join(cp, api, { instanceId: 'api-1' });
  await flush(cp);
  await watcher.next();
  victim.kill();
  await eventually('the loss is noticed', async () =>
    (await cp.admin.listWorkloads()).some((w) => w.instanceId === 'api-1' && !w.connected)
      ? true
      : undefined,
  );
  // The write to the store that starts the lease has no event of its own to wait for.
  await eventually('the lease begins', () =>
    cp.clock.pending.includes(cp.clock.monotonicMs() + LOST_TTL_MS) ? true : undefined,
  );
  await cp.clock.advance(LOST_TTL_MS - 1000);
  t.is(watcher.waiting, 0);
  await cp.clock.advance(1000 + PUSH_INTERVAL_MS);
  const delta = await watcher.next();
  t.deepEqual(delta.kind === 'delta' && delta.removed, ['api-1']);
});

test('a sidecar that comes back in time was never away for the others', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream: watcher } = await join(cp, web, {});
  const { stream: first } = await join(cp, api, { instanceId: 'api-1' });
  await flush(cp);
  await watcher.next();
  first.kill();
  await eventually('the lease begins', () =>
    cp.clock.pending.includes(cp.clock.monotonicMs() + LOST_TTL_MS) ? true : undefined,
  );
  await join(cp, api, { instanceId: 'api-1' });
  await cp.clock.advance(LOST_TTL_MS * 2);
  t.is(watcher.waiting, 0);
});

test('a stream resumes after the version that the sidecar has', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream, first } = await join(cp, web, { hbonePort: 0 });
  stream.kill();
  await join(cp, api, { instanceId: 'api-1' });
  const { first: missed } = await join(cp, web, { hbonePort: 0, resumeVersion: first.version });
  if (missed.kind !== 'delta') return t.fail('expected only what was missed');
  t.deepEqual(
    missed.upserted.map(({ instanceId }) => instanceId),
    ['api-1'],
  );

  const { first: nothing } = await join(cp, web, { hbonePort: 0, resumeVersion: missed.version });
  t.deepEqual(nothing, { ...missed, upserted: [], removed: [] });
  const { first: unknown } = await join(cp, web, { hbonePort: 0, resumeVersion: 1_000_000 });
  t.is(unknown.kind, 'snapshot');
});

test('the newer of two streams of a sidecar wins; another identity cannot take its id', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream: older } = await join(cp, web, {});
  const thief = openSyncStream(cp, api);
  thief.say(hello());
  t.is((await thief.refused()).code, 'instance-taken');
  const { stream: newer } = await join(cp, web, {});
  t.is((await older.refused()).code, 'instance-replaced');
  newer.say({ $case: 'acknowledgement', value: { version: 7, bundleVersion: 1 } });
  t.is((await cp.admin.listWorkloads()).length, 1);
});

test('only workloads of the mesh get in', async (t) => {
  const { cp, web } = await startMesh(t);
  t.is((await openSyncStream(cp).refused()).code, 'certificate-missing');
  t.is((await openSyncStream(cp, cp.operator).refused()).code, 'identity-mismatch');
  t.is((await join(cp, web, {})).first.kind, 'snapshot');
  t.true(
    await cp.metric(
      'hauberk_calls_refused_total{service="discovery",reason="certificate-missing"} 1',
    ),
  );
});

const bad: Record<string, Partial<Hello>> = {
  'an instance id with a slash': { instanceId: '../web' },
  'an instance id of 65 characters': { instanceId: 'a'.repeat(65) },
  'no instance id': { instanceId: '' },
  'a host name for an address': { addresses: ['10.0.0.1', 'web.local'] },
  'an address with a zone': { addresses: ['fe80::1%eth0'] },
  'an address that nobody can dial': { addresses: ['0.0.0.0'] },
  'a port above 65535': { ports: [65_536] },
  'port 0': { ports: [0] },
  '257 ports': { ports: Array.from({ length: 257 }, (_, at) => at + 1) },
  'a control character in its version': { softwareVersion: '1\n2' },
  'a caller that is let in at no port': allowing({ port: 0 }),
  'a caller that is let in without a name': allowing({ service: '' }),
  'a caller that is let in with a control character': allowing({ namespace: 'a\u001b[2J' }),
};

function allowing(odd: Partial<LocalAllowance>): Partial<Hello> {
  return {
    localAllow: { allowances: [{ port: 80, namespace: 'shop', service: 'web', ...odd }] },
  };
}

test('whom a sidecar lets in by itself is told to operators, also after a restart', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const one = { port: 80, namespace: 'shop', service: 'web' };
  const tells = async (instanceId: string, localAllow: Hello['localAllow']) => {
    await join(cp, instanceId === 'web-1' ? web : api, { instanceId, localAllow });
    const workloads = await cp.admin.listWorkloads();
    return workloads.find((workload) => workload.instanceId === instanceId)?.localAllow?.allowances;
  };
  t.deepEqual(await tells('web-1', { allowances: [one] }), [one]);
  t.deepEqual(await tells('api-1', { allowances: [] }), [], 'none is known too');
  t.is(await tells('api-2', undefined), undefined, 'a sidecar that does not tell');
  const tooMany = Array.from({ length: 1_001 }, () => one);
  t.is(await tells('api-3', { allowances: tooMany }), undefined, 'too many to keep');
});

test('a Hello that makes no sense is refused', async (t) => {
  const { cp, web } = await startMesh(t);
  for (const [what, values] of Object.entries(bad)) {
    const stream = openSyncStream(cp, web);
    stream.say(hello(values));
    t.is((await stream.refused()).code, 'request-malformed', what);
  }
  const { first } = await join(cp, web, {
    addresses: ['::ffff:10.0.0.9'],
    anyPort: true,
    ports: [1, 65_535],
  });
  t.is(first.kind === 'snapshot' && first.endpoints[0]?.allAddresses[0], '10.0.0.9');
});

test('what is said out of turn ends the stream', async (t) => {
  const { cp, web } = await startMesh(t);
  const early = openSyncStream(cp, web);
  early.say({ $case: 'acknowledgement', value: { version: 1, bundleVersion: 1 } });
  t.is((await early.refused()).code, 'request-malformed');
  const { stream: twice } = await join(cp, web, {});
  twice.say(hello());
  t.is((await twice.refused()).code, 'request-malformed');
  const { stream: flood } = await join(cp, web, { instanceId: 'web-2' });
  for (let count = 0; count < 250; count += 1) {
    flood.say({ $case: 'acknowledgement', value: { version: 1, bundleVersion: 1 } });
  }
  t.is((await flood.refused()).code, 'rate-limited');
});

test('a stream ends when nobody says Hello, and when its certificate expires', async (t) => {
  const { cp, web, api } = await startMesh(t);
  const { stream } = await join(cp, web, {});
  const silent = openSyncStream(cp, api);
  await eventually('the silent stream is open', () =>
    cp.clock.pending.includes(cp.clock.monotonicMs() + HELLO_TIMEOUT_MS) ? true : undefined,
  );
  await cp.clock.advance(HELLO_TIMEOUT_MS);
  t.is((await silent.refused()).code, 'request-malformed');
  await cp.clock.advance(3_600_000);
  t.is((await stream.refused()).code, 'certificate-expired');
});

test('status shows what a sidecar reports', async (t) => {
  const { cp, web } = await startMesh(t);
  const { stream, first } = await join(cp, web, {});
  const report = {
    certificateSerial: 'abc',
    certificateNotAfterMs: 5000,
    openConnections: 3,
    openTunnels: 2,
    totalConnections: 40,
    plaintext: {
      connections: 5,
      flows: 2,
      mostUsed: [{ inbound: false, address: '192.0.2.1', port: 443, connections: 4 }],
    },
    egress: [
      { host: 'pay.example', port: 443, condition: 'ca-unavailable', why: 'it is not there' },
    ],
    missingUpstreams: ['apu.shop:8080'],
  };
  stream.say({ $case: 'acknowledgement', value: { version: first.version, bundleVersion: 1 } });
  // What would reach a terminal as it is, is left out.
  const evil = { inbound: true, address: '\x1b[2J', port: 1, connections: 1 };
  const evilOutside = [
    { host: '\x1b[2J', port: 443, condition: 'ready', why: '' },
    { host: 'pay.example', port: 443, condition: '\x1b[2J', why: '' },
    { host: 'pay.example', port: 443, condition: 'ready', why: '\x1b[2J' },
    { host: 'pay.example', port: 443, condition: 'ready', why: 'x'.repeat(501) },
  ];
  const mostUsed = [...report.plaintext.mostUsed, evil];
  stream.say({
    $case: 'report',
    value: {
      ...report,
      plaintext: { ...report.plaintext, mostUsed },
      egress: [...report.egress, ...evilOutside],
      missingUpstreams: ['\x1b[2J.shop:80', 'a.b.c:80', 'a.b:', ...report.missingUpstreams],
    },
  });
  const [workload] = await eventually('the report arrives', async () => {
    const list = await cp.admin.listWorkloads();
    return list[0]?.totalConnections === 40 ? list : undefined;
  });
  t.like(workload, { ...report, connected: true, instanceId: 'web-1', softwareVersion: '1.2.3' });
});

test('a sidecar that connects again and again is told when it may, and others are not', async (t) => {
  const { cp, web, api } = await startMesh(t);
  for (let times = 0; times < 30; times += 1) {
    const { stream } = await join(cp, web, { instanceId: 'web-1' });
    stream.kill();
  }
  const limited = openSyncStream(cp, web);
  limited.say(hello({ instanceId: 'web-1' }));
  const error = await limited.refused();
  t.is(error.code, 'rate-limited');
  const retryAfterMs = error.retryAfterMs ?? 0;
  t.true(retryAfterMs >= 1_000 && retryAfterMs <= 1_500, `told to wait ${retryAfterMs} ms`);
  await join(cp, web, { instanceId: 'web-2' });
  await join(cp, api, { instanceId: 'api-1' });
  await cp.clock.advance(retryAfterMs);
  await join(cp, web, { instanceId: 'web-1' });
  const metric = 'hauberk_calls_refused_total{service="discovery",reason="rate-limited"} 1';
  t.true(await cp.metric(metric));
});
