import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import { toBundleMessage } from '../../../common/rpc/bundle-message.ts';
import type {
  Endpoint,
  SyncRequest,
  SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import { createSyncClient, type SyncClient } from '../../../proxy/discovery/sync-client.ts';
import type { SyncClientSettings } from '../../../proxy/discovery/sync-settings.ts';
import {
  createIdentitySource,
  type MutableIdentitySource,
} from '../../../proxy/identity/mutable-source.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder, type LogRecorder } from '../../helpers/log-recorder.ts';
import { temporaryDirectory } from '../../helpers/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/test-authority.ts';
import { startTestControlPlane, type TestControlPlane } from '../../helpers/test-control-plane.ts';

const authority = createTestAuthority();
const PLACE = { address: '127.0.0.1', hbonePort: 15_008, ports: [8080] };
const REPORT = {
  certificateSerial: 'ab',
  certificateNotAfterMs: 1,
  openConnections: 0,
  openTunnels: 0,
  totalConnections: 0,
};

interface World extends AsyncDisposable {
  readonly controlPlane: TestControlPlane;
  readonly identity: MutableIdentitySource;
  readonly log: LogRecorder;
  readonly bundles: TrustBundle[];
  readonly stateDirectory: string;
  client(settings?: Partial<SyncClientSettings>): Promise<SyncClient>;
}

function newIdentity(): ReturnType<MutableIdentitySource['current']> {
  const { privateKey, chain } = authority.workload('shop', 'web');
  const id = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
  const { bundle } = authority;
  return { spiffeId: id, privateKey, chain, bundle, receivedMs: Date.now(), lifetimeMs: 3_600_000 };
}

async function newWorld(): Promise<World> {
  const cleanup = new AsyncDisposableStack();
  const directory = cleanup.use(await temporaryDirectory());
  const controlPlane = cleanup.use(await startTestControlPlane({ authority }));
  const identity = createIdentitySource(newIdentity());
  const log = createLogRecorder();
  const bundles: TrustBundle[] = [];
  return {
    controlPlane,
    identity,
    log,
    bundles,
    stateDirectory: directory.path,
    async client(settings = {}) {
      const client = await createSyncClient({
        identity,
        controlPlane,
        instanceId: 'web-1',
        softwareVersion: '1.2.3',
        hello: () => PLACE,
        report: () => REPORT,
        onBundle: (bundle) => void bundles.push(bundle),
        stateDirectory: directory.path,
        clock: systemClock,
        logger: log.logger,
        random: () => 0.1,
        ...settings,
      });
      cleanup.defer(() => client.close());
      return client;
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

function api(instanceId: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    instanceId,
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/api',
    address: '127.0.0.2',
    hbonePort: 15_008,
    ports: [80],
    ...more,
  };
}

function snapshot(version: number, endpoints: Endpoint[]): SyncResponse {
  const bundle = toBundleMessage(authority.bundle);
  return { version, change: { $case: 'snapshot', value: { endpoints, bundle } } };
}

function delta(version: number, upserted: Endpoint[], removed: string[] = []): SyncResponse {
  return { version, change: { $case: 'delta', value: { upserted, removed, bundle: undefined } } };
}

function acknowledges(version: number): (request: SyncRequest) => boolean {
  return ({ message }) => message?.$case === 'acknowledgement' && message.value.version === version;
}

async function viewAt(client: SyncClient, version: number): Promise<void> {
  await eventually(`version ${version} of the view`, () =>
    client.view.version === version ? true : undefined,
  );
}

function apiIds(t: ExecutionContext, client: SyncClient, expected: string[]): void {
  const ids = client.view.endpointsOf('shop', 'api').map(({ instanceId }) => instanceId);
  t.deepEqual(ids.sort(), expected);
}

test('says who it is, takes a snapshot and deltas, and acknowledges each', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  t.deepEqual(stream.hello, {
    instanceId: 'web-1',
    softwareVersion: '1.2.3',
    resumeVersion: 0,
    ...PLACE,
  });
  t.is(stream.caller.kind, 'workload');
  t.false(client.connected);

  stream.send(snapshot(3, [api('a'), api('b')]));
  const first = await stream.until('an acknowledgement of 3', acknowledges(3));
  t.deepEqual(first.message?.value, { version: 3, bundleVersion: 1 });
  t.true(client.connected);
  t.is(world.bundles[0]?.version, 1);
  apiIds(t, client, ['a', 'b']);

  stream.send(delta(4, [api('c')], ['a']));
  await stream.until('an acknowledgement of 4', acknowledges(4));
  apiIds(t, client, ['b', 'c']);
});

test('new roots are in use before the endpoints are, and before they are acknowledged', async (t) => {
  await using world = await newWorld();
  const offered = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const client = await world.client({
    onBundle: () => {
      offered.resolve();
      return taken.promise;
    },
  });
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(3, [api('a')]));
  await within('the offer of the roots', offered.promise);
  t.is(client.view.version, 0);
  t.deepEqual(stream.requests, []);
  taken.resolve();
  await stream.until('an acknowledgement of 3', acknowledges(3));
  apiIds(t, client, ['a']);
});

test('an endpoint that makes no sense is left out, with a line; the others are used', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, [api('bad', { address: 'evil.example' }), api('good')]));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  apiIds(t, client, ['good']);
  const lines = world.log.of('endpoint-skipped');
  t.is(lines.length, 1);
  t.is(lines[0]?.['instanceId'], 'bad');
});

test('a trust bundle that makes no sense is left out, with a line', async (t) => {
  await using world = await newWorld();
  await world.client();
  const stream = await world.controlPlane.nextStream();
  const bundle = { trustDomain: 'other.mesh', version: 9, roots: [] };
  stream.send({ version: 1, change: { $case: 'snapshot', value: { endpoints: [], bundle } } });
  await stream.until('an acknowledgement of 1', acknowledges(1));
  t.deepEqual(world.bundles, []);
  t.is(world.log.of('bundle-refused').length, 1);
});

test('keeps the view while the control plane is away, and resumes by version', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(7, [api('a')]));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  await world.controlPlane.stop();
  await eventually('the loss to be noticed', () => (client.connected ? undefined : true));
  apiIds(t, client, ['a']);
  t.is(world.log.of('sync-lost').length, 1);

  const { port } = world.controlPlane;
  await using back = await startTestControlPlane({ authority, port });
  const resumed = await back.nextStream();
  t.is(resumed.hello.resumeVersion, 7);
  resumed.send(delta(8, [api('b')]));
  await resumed.until('an acknowledgement of 8', acknowledges(8));
  apiIds(t, client, ['a', 'b']);
  t.true(client.connected);
  await client.close();
});

test('a stream that is refused is tried again', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  for (let round = 0; round < 3; round += 1) (await world.controlPlane.nextStream()).fail();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  t.true(client.connected);
});

test('a restart without a control plane begins with the view of the last run', async (t) => {
  await using world = await newWorld();
  const first = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(7, [api('a')]));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  await first.close();
  await world.controlPlane.stop();

  const second = await world.client();
  t.is(second.view.version, 7);
  apiIds(t, second, ['a']);
  t.false(second.connected);
});

test('the view of another mesh, or a broken one, is not used', async (t) => {
  await using world = await newWorld();
  const first = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(7, [api('a')]));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  await first.close();

  const file = join(world.stateDirectory, 'view.json');
  const saved = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...saved, roots: ['of another mesh'] }));
  t.is((await world.client()).view.version, 0);
  t.is(world.log.of('view-not-restored').length, 0);

  await writeFile(file, 'broken');
  t.is((await world.client()).view.version, 0);
  t.is(world.log.of('view-not-restored').length, 1);
});

test('a new leaf gets a connection of its own before the old one is let go', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const old = await world.controlPlane.nextStream();
  old.send(snapshot(7, [api('a')]));
  await old.until('an acknowledgement of 7', acknowledges(7));
  let oldEnded = false;
  void old.ended.then(() => (oldEnded = true));

  const renewed = newIdentity();
  world.identity.replace(renewed, 'leaf');
  const next = await world.controlPlane.nextStream();
  const { caller } = next;
  t.true(caller.kind === 'workload' && caller.certificate.raw.equals(renewed.chain[0].raw));
  t.is(next.hello.resumeVersion, 7);
  t.false(oldEnded);
  t.true(client.connected);

  // Until the new one has answered the old one still counts; what both say is applied once.
  old.send(delta(8, [api('b')]));
  await old.until('an acknowledgement of 8', acknowledges(8));
  next.send(delta(8, [api('b')]));
  await within('the old stream to end', old.ended);
  t.true(client.connected);
  next.send(delta(9, [api('c')]));
  await next.until('an acknowledgement of 9', acknowledges(9));
  apiIds(t, client, ['a', 'b', 'c']);
});

test('only new roots need no new connection', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  const { bundle, ...leaf } = world.identity.current();
  world.identity.replace({ ...leaf, bundle: { ...bundle, version: 2 } }, 'bundle');
  stream.send(delta(2, [api('a')]));
  const { message } = await stream.until('an acknowledgement of 2', acknowledges(2));
  t.deepEqual(message?.value, { version: 2, bundleVersion: 2 });
  apiIds(t, client, ['a']);
});

test('a control plane that ends the old stream at once costs nothing', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const old = await world.controlPlane.nextStream();
  old.send(snapshot(7, [api('a')]));
  await old.until('an acknowledgement of 7', acknowledges(7));
  world.identity.replace(newIdentity(), 'leaf');
  const next = await world.controlPlane.nextStream();
  old.fail();
  next.send(delta(8, [api('b')]));
  await next.until('an acknowledgement of 8', acknowledges(8));
  t.true(client.connected);
  t.is(world.log.of('sync-lost').length, 0);
});

test('reports when something is different, and once on each stream', async (t) => {
  await using world = await newWorld();
  let openConnections = 1;
  await world.client({ report: () => ({ ...REPORT, openConnections }) });
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  const reports = (count: number) => (request: SyncRequest) =>
    request.message?.$case === 'report' && request.message.value.openConnections === count;
  await stream.until('the first report', reports(1));
  openConnections = 2;
  await stream.until('a second report', reports(2));
  t.is(stream.requests.filter(reports(1)).length, 1);
});

test('goodbye withdraws the endpoint, also on a later connection; the view goes on', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  await client.goodbye();
  await stream.until('Goodbye', ({ message }) => message?.$case === 'goodbye');
  stream.send(delta(2, [api('a')]));
  await viewAt(client, 2);
  stream.fail();
  const next = await world.controlPlane.nextStream();
  t.is(next.hello.hbonePort, 0);
  t.deepEqual(next.hello.ports, []);
});

test('close ends the stream, and a second close does nothing', async (t) => {
  await using world = await newWorld();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  await client.close();
  await within('the stream to end', stream.ended);
  await client.close();
  t.false(client.connected);
});
