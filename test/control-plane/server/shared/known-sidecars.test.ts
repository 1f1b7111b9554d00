/** Two control planes on one store: each knows the sidecars of both, and neither takes one from the other. */
import test, { type ExecutionContext } from 'ava';
import { PRESENCE_TTL_MS } from '../../../../control-plane/leader/control-planes.ts';
import { LOST_TTL_MS } from '../../../../control-plane/registry/registry.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { hello, openSyncStream } from '../../api/sync/sync-stream-under-test.ts';
import {
  openSharedStore,
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type SharedStore,
  type TestIdentity,
} from '../../control-plane-under-test.ts';

interface Pair {
  readonly shared: SharedStore;
  readonly one: ControlPlaneUnderTest;
  readonly two: ControlPlaneUnderTest;
  readonly web: TestIdentity;
}

async function startPair(t: ExecutionContext): Promise<Pair> {
  const shared = await openSharedStore(t);
  const one = await startControlPlaneUnderTest(t, { shared });
  const two = await startControlPlaneUnderTest(t, { shared });
  return { shared, one, two, web: await one.enrol('shop', 'web') };
}

/** A sidecar that has acknowledged what it was sent first. */
async function join(cp: ControlPlaneUnderTest, identity: TestIdentity, instanceId: string) {
  const stream = openSyncStream(cp, identity);
  stream.say(hello({ instanceId }));
  const { version } = await stream.next();
  stream.say({ $case: 'acknowledgement', value: { version, bundleVersion: 1 } });
  return { stream, version };
}

const workload = async (cp: ControlPlaneUnderTest, instanceId: string) =>
  (await cp.admin.listWorkloads()).find((one) => one.instanceId === instanceId);

test('each says which control planes there are, who leads, and how many sidecars it has', async (t) => {
  const { shared, one, two, web } = await startPair(t);
  await join(two, web, 'web-1');
  const seen = await eventually('both are there, with their sidecars', async () => {
    await shared.clock.advance(1_000);
    const both = await Promise.all([one.admin.status(), two.admin.status()]);
    const [ofOne = [], ofTwo = []] = both.map(({ controlPlanes }) => controlPlanes);
    const sidecars = [...ofOne, ...ofTwo].map((each) => each.sidecars).join();
    return sidecars === '0,1,1,0' ? { ofOne, ofTwo } : undefined;
  });
  t.deepEqual(
    seen.ofOne.map(({ id, leads, addresses }) => ({ id, leads, addresses })),
    seen.ofTwo.map(({ id, leads, addresses }) => ({ id, leads, addresses })).toReversed(),
    'both say the same, each beginning with itself',
  );
  t.deepEqual(
    seen.ofOne.map(({ leads }) => leads),
    [true, false],
  );
  t.deepEqual(seen.ofOne[1]?.addresses, [`127.0.0.1:${two.controlPlane.grpcPort}`]);

  await two.controlPlane[Symbol.asyncDispose]();
  t.is((await one.admin.status()).controlPlanes.length, 1, 'one that has ended is off the list');
});

test('a sidecar that is connected elsewhere is shown with what it has acknowledged', async (t) => {
  const { shared, one, two, web } = await startPair(t);
  const { version } = await join(two, web, 'web-1');
  const seen = await eventually('it is known at the other one', async () => {
    await shared.clock.advance(1_000);
    const found = await workload(one, 'web-1');
    return found?.connected && found.bundleVersion === 1 && found.acknowledgedVersion >= version
      ? found
      : undefined;
  });
  const own = await workload(two, 'web-1');
  t.is(seen.controlPlane, own?.controlPlane);
  t.is(seen.connectedSinceMs, own?.connectedSinceMs);
  t.is(seen.certificateSerial, web.chain[0]?.serialNumber.toLowerCase() ?? '');
});

test('a sidecar that moves to another control plane keeps its endpoint, and is connected once', async (t) => {
  const { shared, one, two, web } = await startPair(t);
  const { stream } = await join(one, web, 'web-1');
  await join(two, web, 'web-1');
  t.is((await stream.refused()).code, 'instance-replaced', 'where it was, its stream ends');
  await shared.clock.advance(2 * LOST_TTL_MS);
  t.truthy(
    await shared.store.get('mesh/sidecars/web-1'),
    'the one that lost it takes nothing away',
  );
  const seen = await eventually('the first one knows that it has moved', async () => {
    await shared.clock.advance(1_000);
    const found = await workload(one, 'web-1');
    return found?.connected === true ? found : undefined;
  });
  const own = await workload(two, 'web-1');
  t.is(seen.controlPlane, own?.controlPlane);
  const connected = (await one.admin.status()).controlPlanes.map(({ sidecars }) => sidecars);
  t.deepEqual(connected, [0, 1]);
});

test('what an old connection says late does not concern the new one elsewhere', async (t) => {
  const { shared, one, two, web } = await startPair(t);
  const { stream } = await join(one, web, 'web-1');
  stream.say({ $case: 'goodbye', value: {} });
  await eventually('it has left', async () =>
    (await shared.store.get('mesh/sidecars/web-1')) === undefined ? true : undefined,
  );
  await join(two, web, 'web-1');
  stream.kill();
  await shared.clock.advance(2 * LOST_TTL_MS);
  t.truthy(await shared.store.get('mesh/sidecars/web-1'));
});

test('the sidecars of a control plane that is gone are away, and listed, also after a restart', async (t) => {
  const { shared, one, two, web } = await startPair(t);
  await join(two, web, 'web-1');
  await eventually('it is known at the other one', async () => {
    await shared.clock.advance(1_000);
    return (await workload(one, 'web-1'))?.connected === true ? true : undefined;
  });
  await two.controlPlane[Symbol.asyncDispose]();
  await shared.clock.advance(PRESENCE_TTL_MS);
  const away = await workload(one, 'web-1');
  t.deepEqual([away?.connected, away?.bundleVersion, away?.controlPlane], [false, 1, undefined]);
  await one.controlPlane[Symbol.asyncDispose]();
  const three = await startControlPlaneUnderTest(t, { shared });
  await shared.clock.advance(60_000);
  t.is((await workload(three, 'web-1'))?.expected, false);
  t.is((await three.admin.status()).controlPlanes[0]?.leads, true);
});

test('a rotation of the root waits for sidecars at every control plane, and for nothing else', async (t) => {
  const { shared, one, two, web } = await startPair(t);
  const { stream } = await join(two, web, 'web-1');
  await eventually('it is known at the leader', async () => {
    await shared.clock.advance(1_000);
    return (await workload(one, 'web-1'))?.connected === true ? true : undefined;
  });
  await two.admin.rotateRoot({ compromised: false, graceSeconds: 0 });
  await shared.clock.advance(5_000);
  const waiting = await one.admin.getAuthority();
  t.is(waiting.rotation?.phase, 'prepared');
  t.deepEqual(
    waiting.rotation?.blockers.map((blocker) => [blocker.instanceId, blocker.connected]),
    [['web-1', true]],
  );
  stream.say({ $case: 'acknowledgement', value: { version: 1, bundleVersion: 2 } });
  await eventually('the leader goes on', async () => {
    await shared.clock.advance(1_000);
    return (await one.admin.getAuthority()).rotation?.phase === 'signing' ? true : undefined;
  });
  await eventually('the other one signs below the new root as well', async () =>
    (await two.admin.getAuthority()).rootDigest === (await one.admin.getAuthority()).rootDigest
      ? true
      : undefined,
  );
  const next = await two.renew(web);
  const renewed = openSyncStream(two, next);
  renewed.say(hello({ instanceId: 'web-1' }));
  await renewed.next();
  renewed.say({ $case: 'acknowledgement', value: { version: 1, bundleVersion: 3 } });
  await eventually('the rotation is complete', async () => {
    await shared.clock.advance(1_000);
    return (await one.admin.getAuthority()).rotation === undefined ? true : undefined;
  });
  t.is((await two.admin.getAuthority()).rootDigest, (await one.admin.getAuthority()).rootDigest);
  renewed.kill();
});
