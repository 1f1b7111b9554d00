/** Two control planes on one store: what a sidecar was told by one, it is never told an older state of by the other. */
import test, { type ExecutionContext } from 'ava';
import { systemClock, type Clock } from '../../../../common/clock.ts';
import { CATCH_UP_TIMEOUT_MS } from '../../../../control-plane/registry/catch-up.ts';
import { PUSH_INTERVAL_MS } from '../../../../control-plane/api/sync/hub.ts';
import { MESH_PREFIX } from '../../../../control-plane/registry/sidecar-record.ts';
import { forwarded, type WatchBatch } from '../../../../control-plane/store/store.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { hello, openSyncStream } from '../../api/sync/sync-stream-under-test.ts';
import {
  openSharedStore,
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type SharedStore,
  type TestIdentity,
} from '../../control-plane-under-test.ts';

/** A store whose watches of the mesh can be held back, as those of a control plane that is slow. */
function slowed(shared: SharedStore): { shared: SharedStore; hold(): void; release(): void } {
  const held: (() => void)[] = [];
  let holding = false;
  const { store } = shared;
  const slow = {
    ...forwarded(store),
    snapshot: () => store.snapshot(),
    watch(prefix: string, from: number, listener: (batch: WatchBatch) => void) {
      return store.watch(prefix, from, (batch) => {
        if (holding && prefix === MESH_PREFIX) held.push(() => listener(batch));
        else listener(batch);
      });
    },
  };
  return {
    shared: { ...shared, store: slow },
    hold: () => void (holding = true),
    release() {
      holding = false;
      for (const deliver of held.splice(0)) deliver();
    },
  };
}

async function startPair(t: ExecutionContext, clock?: Clock) {
  const shared = await openSharedStore(t);
  const slow = slowed(shared);
  const one = await startControlPlaneUnderTest(t, { shared, ...(clock && { clock }) });
  const two = await startControlPlaneUnderTest(t, {
    shared: slow.shared,
    ...(clock && { clock }),
  });
  const [web, api] = [await one.enrol('shop', 'web'), await one.enrol('shop', 'api')];
  return { shared, slow, one, two, web, api };
}

/** The version that a sidecar has after it was told of an endpoint. */
async function versionWith(cp: ControlPlaneUnderTest, web: TestIdentity, api: TestIdentity) {
  const watcher = openSyncStream(cp, web);
  watcher.say(hello({ ports: [], hbonePort: 0 }));
  await watcher.next();
  openSyncStream(cp, api).say(hello({ instanceId: 'api-1' }));
  for (;;) {
    const update = await watcher.next();
    const news = update.kind === 'delta' ? update.upserted : update.endpoints;
    if (news.some(({ instanceId }) => instanceId === 'api-1')) return update.version;
  }
}

test('a sidecar that knows more than the control plane waits until it does not', async (t) => {
  const { slow, one, two, web, api } = await startPair(t);
  slow.hold();
  const resumeVersion = await versionWith(one, web, api);
  const moved = openSyncStream(two, web);
  moved.say(hello({ resumeVersion, ports: [], hbonePort: 0 }));
  await eventually('the sidecar to have moved', async () => {
    const all = await two.admin.listWorkloads();
    return all.find(({ instanceId, connected }) => instanceId === 'web-1' && connected);
  });
  t.is(moved.waiting, 0);
  slow.release();
  const update = await moved.next();
  t.is(update.kind, 'delta');
  t.true(update.version >= resumeVersion);
});

test('a control plane that stays behind says so, and the sidecar goes elsewhere', async (t) => {
  const { shared, slow, one, two, web, api } = await startPair(t);
  slow.hold();
  const resumeVersion = await versionWith(one, web, api);
  const moved = openSyncStream(two, web);
  moved.say(hello({ resumeVersion, ports: [], hbonePort: 0 }));
  const refused = moved.refused();
  let isOver = false;
  void refused.then(() => (isOver = true));
  await eventually('the control plane to give up', async () => {
    await shared.clock.advance(CATCH_UP_TIMEOUT_MS / 10);
    return isOver ? true : undefined;
  });
  t.is((await refused).code, 'unavailable');
  t.is(moved.waiting, 0);
});

test('a version from later changes of other things is not taken for a newer view', async (t) => {
  const { shared, one, two, web, api } = await startPair(t);
  const version = await versionWith(one, web, api);
  await shared.store.transact([], [{ kind: 'put', key: 'else', value: Buffer.from('1') }]);
  const { revision } = await shared.store.range('else');
  t.true(revision > version);
  // As a control plane tells it that was started then.
  const stream = openSyncStream(two, web);
  stream.say(hello({ resumeVersion: revision, ports: [], hbonePort: 0 }));
  const first = await stream.next();
  t.is(first.kind, 'delta');
  t.true(first.version >= revision);
  // The next change reaches it as before.
  openSyncStream(one, api).say(hello({ instanceId: 'api-2' }));
  const coming = stream.next();
  const next = await eventually('the next push', async () => {
    await shared.clock.advance(PUSH_INTERVAL_MS);
    return Promise.race([coming, Promise.resolve(undefined)]);
  });
  t.true(next.kind === 'delta' && next.upserted[0]?.instanceId === 'api-2');
  t.true(next.version > first.version);
});

test('a store that has gone back is told as it is', async (t) => {
  const { one, web } = await startPair(t);
  const stream = openSyncStream(one, web);
  stream.say(hello({ resumeVersion: 1_000_000, ports: [], hbonePort: 0 }));
  const first = await stream.next();
  t.is(first.kind, 'snapshot');
  t.true(first.version < 1_000_000);
  openSyncStream(one, web).say(hello({ instanceId: 'web-2' }));
  const next = await stream.next();
  t.is(next.kind, 'delta', 'it goes on from there');
});

test('each control plane takes the certificates that the other has issued, and sees its endpoints', async (t) => {
  const { one, two, web, api } = await startPair(t, systemClock);
  const watcher = openSyncStream(two, web);
  watcher.say(hello({ ports: [], hbonePort: 0 }));
  await watcher.next();
  // The promise is a second; the best of three counts, for a machine that is busy.
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const startMs = performance.now();
    openSyncStream(one, api).say(hello({ instanceId: `api-${round}` }));
    const update = await watcher.next();
    t.true(update.kind === 'delta' && update.upserted[0]?.instanceId === `api-${round}`);
    times.push(performance.now() - startMs);
  }
  t.true(Math.min(...times) < 1_000, times.map(Math.round).join());
});
