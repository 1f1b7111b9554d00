import type { SyncRequest } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import test, { type ExecutionContext } from 'ava';
import type { SyncClient } from '../../../../proxy/discovery/sync/client.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import {
  acknowledges,
  api,
  delta,
  OPEN,
  PLACE,
  REPORT,
  snapshot,
  syncUnderTest,
} from '../../../helpers/mesh/sync-under-test.ts';

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
  await using world = await syncUnderTest();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  t.deepEqual(stream.hello, {
    instanceId: 'web-1',
    interest: { services: [], namespaces: [], addresses: [] },
    interestVersion: 0,
    softwareVersion: '1.2.3',
    questionLevel: 1,
    metrics: undefined,
    role: '',
    resumeVersion: 0,
    ...PLACE,
    localAllow: { allowances: [] },
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
  await using world = await syncUnderTest();
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
  await using world = await syncUnderTest();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, [api('bad', { addresses: ['evil.example'] }), api('good')]));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  apiIds(t, client, ['good']);
  const lines = world.log.of('endpoint-skipped');
  t.is(lines.length, 1);
  t.is(lines[0]?.['instanceId'], 'bad');
});

test('a trust bundle that makes no sense is left out, with a line', async (t) => {
  await using world = await syncUnderTest();
  await world.client();
  const stream = await world.controlPlane.nextStream();
  const bundle = { trustDomain: 'other.mesh', version: 9, roots: [], withdrawn: [], added: [] };
  stream.send({
    version: 1,
    change: {
      $case: 'snapshot',
      value: {
        endpoints: [],
        bundle,
        revocations: undefined,
        federated: undefined,
        complete: undefined,
        departed: [],
        policy: OPEN,
      },
    },
  });
  await stream.until('an acknowledgement of 1', acknowledges(1));
  t.deepEqual(world.bundles, []);
  t.is(world.log.of('bundle-refused').length, 1);
});

test('reports when something is different, and once on each stream', async (t) => {
  await using world = await syncUnderTest();
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

test('a sidecar that is elsewhere says hello again, and is never gone in between', async (t) => {
  await using world = await syncUnderTest();
  let addresses = ['10.0.0.7'];
  const client = await world.client({ hello: () => ({ ...PLACE, addresses }) });
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await viewAt(client, 1);
  addresses = ['10.0.0.7', '10.9.0.7'];
  const next = await world.controlPlane.nextStream();
  t.deepEqual(next.hello.addresses, addresses);
  t.true(client.connected);
  t.is(world.log.of('place-changed').length, 1);
});

test('goodbye withdraws the endpoint, also on a later connection; the view goes on', async (t) => {
  await using world = await syncUnderTest();
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
  await using world = await syncUnderTest();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  await client.close();
  await within('the stream to end', stream.ended);
  await client.close();
  t.false(client.connected);
});
