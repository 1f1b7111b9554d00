/*
 * Two control planes on one store, and a sidecar that moves between them: its endpoint stays in both views, whatever
 * the one that it has left does late.
 */
import test from 'ava';
import { RegistryError } from '../../../control-plane/registry/registry-error.ts';
import { LOST_TTL_MS } from '../../../control-plane/registry/registry.ts';
import { SESSION_TTL_MS } from '../../../control-plane/registry/session-lease.ts';
import { SIGHTINGS_DELAY_MS } from '../../../control-plane/registry/sightings.ts';
import { eventually } from '../../helpers/deadline.ts';
import { rig, type Life } from './registry-under-test.ts';

const ids = ({ view }: Life): string[] => [...view.endpoints.keys()];
const leaseOf = async ({ store }: Life): Promise<string | undefined> =>
  (await store.get('mesh/sidecars/web-1'))?.lease;

test('an endpoint is in the view of both control planes, and moves without a change of it', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const b = await start(a);
  let replaced = 0;
  await a.connect({}, { onReplaced: () => void (replaced += 1) });
  await eventually('b to see it', () => ids(b)[0]);
  let changes = 0;
  for (const { view } of [a, b]) {
    view.onChange(() => {
      changes += 1;
    });
  }
  const held = await leaseOf(a);
  await b.connect();
  t.not(await leaseOf(a), held, 'b has it');
  await eventually('a to notice', () => replaced || undefined);
  t.is(replaced, 1);
  t.is(a.registry.connected, 0);
  t.is(b.registry.connected, 1);
  await clock.advance(SESSION_TTL_MS * 2);
  t.deepEqual([ids(a), ids(b)], [['web-1'], ['web-1']]);
  t.is(changes, 0, 'no sidecar was told anything');
});

test('a control plane that notices late that a sidecar has gone leaves it to the one that has it', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const b = await start(a);
  const stale = await a.connect();
  const arriving = b.connect();
  // Before the watch has said that b has it, and after.
  stale.lost();
  await arriving;
  const lease = await leaseOf(b);
  stale.lost();
  await clock.advance(LOST_TTL_MS * 2);
  t.is(await leaseOf(b), lease);
  t.deepEqual([ids(a), ids(b)], [['web-1'], ['web-1']]);
  t.is(b.registry.connected, 1);
});

test('a goodbye that comes late on the former connection takes nothing away', async (t) => {
  const { start } = await rig(t);
  const a = await start();
  const b = await start(a);
  const former = await a.connect();
  const present = await b.connect();
  await former.goodbye();
  t.deepEqual(ids(b), ['web-1']);
  await present.goodbye();
  t.deepEqual([ids(a), ids(b)], [[], []]);
});

test('what a control plane finds out by dialling does not take a sidecar back', async (t) => {
  const { start } = await rig(t);
  const a = await start();
  const b = await start(a);
  await a.connect();
  const arriving = b.connect();
  const dialled = a.registry.dialled('web-1', '10.0.0.1', true);
  await Promise.all([arriving, dialled]);
  await a.registry.dialled('web-1', '10.0.0.1', true);
  await eventually('a to notice', () => (a.registry.connected === 0 ? true : undefined));
  const lease = await leaseOf(b);
  const again = await b.connect();
  t.is(await leaseOf(b), lease, 'b had it already');
  await again.goodbye();
  t.deepEqual(ids(a), []);
});

test('a sidecar that is lost at the one that has it goes, at both', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const b = await start(a);
  (await a.connect()).lost();
  const registration = await b.connect();
  registration.lost();
  await eventually('the endpoint to be gone', async () => {
    await clock.advance(LOST_TTL_MS);
    return ids(a).length === 0 || undefined;
  });
  t.deepEqual(ids(b), []);
});

test('one whose session lease was lost registers again those that are still its own', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const b = await start(a);
  await a.connect();
  await a.connect({ instanceId: 'web-2' });
  const session = await leaseOf(a);
  await b.connect();
  const lease = await leaseOf(b);
  await a.store.revokeLease(session ?? '');
  await clock.advance(SESSION_TTL_MS);
  await eventually('web-2 to be registered again', () => ids(b)[1]);
  t.is(await leaseOf(b), lease);
  t.deepEqual(ids(a).toSorted(), ['web-1', 'web-2']);
});

test('another identity is refused an instance id that the other control plane has', async (t) => {
  const { start } = await rig(t);
  const a = await start();
  const b = await start(a);
  await a.connect();
  const other = { spiffeId: 'spiffe://mesh.local/ns/shop/sa/api' };
  await t.throwsAsync(b.connect(other), { code: 'instance-taken' });
  t.is(a.registry.connected, 1);
});

test('where metrics are, and that a sidecar has left, is known at the other control plane', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const b = await start(a);
  const metrics = { address: '', port: 15_020 };
  const lasting = await a.connect({ instanceId: 'web-1', metrics, role: 'gateway' });
  const leaving = await a.connect({ instanceId: 'web-2', metrics });
  const seenAtB = async (isThere: (known: ReturnType<typeof list>) => boolean) => {
    await clock.advance(SIGHTINGS_DELAY_MS);
    return await eventually('b to know', () => (isThere(list()) ? list() : undefined));
  };
  const list = () =>
    b.registry.list().map(({ record, left }) => {
      const { instanceId, role } = record;
      return { instanceId, role, metrics: record.metrics, left };
    });
  t.deepEqual(await seenAtB((known) => known.every(({ metrics: told }) => told !== undefined)), [
    { instanceId: 'web-1', role: 'gateway', metrics, left: false },
    { instanceId: 'web-2', role: undefined, metrics, left: false },
  ]);
  await leaving.goodbye();
  leaving.lost();
  lasting.lost();
  const after = await seenAtB((known) => known.some(({ left }) => left));
  t.deepEqual(
    after.map(({ instanceId, left }) => [instanceId, left]),
    [
      ['web-1', false],
      ['web-2', true],
    ],
  );
});

test('a connection that has ended before the store answered takes the sidecar from nobody', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const b = await start(a);
  const held = a.holdStore();
  let ended = false;
  const late = a.connect({}, { hasEnded: () => ended });
  ended = true;
  let replaced = 0;
  await b.connect({}, { onReplaced: () => void (replaced += 1) });
  const lease = await leaseOf(b);
  held.end();
  const refused = await t.throwsAsync(late, { instanceOf: RegistryError });
  t.is((refused as RegistryError | undefined)?.code, 'connection-ended');
  t.is(await leaseOf(b), lease);
  await clock.advance(LOST_TTL_MS * 2);
  t.is(replaced, 0);
  t.deepEqual([ids(a), ids(b)], [['web-1'], ['web-1']]);
  t.deepEqual([a.registry.connected, b.registry.connected], [0, 1]);
});

test('connections that have ended do not count as coming and going of the one that lasts', async (t) => {
  const { start } = await rig(t);
  const a = await start();
  await a.connect();
  const hasEnded = () => true;
  for (let times = 0; times < 5; times += 1) {
    await t.throwsAsync(a.connect({ addresses: ['10.0.0.2'] }, { hasEnded }), {
      code: 'connection-ended',
    });
  }
  await a.connect({ addresses: ['10.0.0.3'] });
  t.is(a.registry.damped, 0);
  t.deepEqual(a.view.endpoints.get('web-1')?.addresses, ['10.0.0.3']);
});

test('a sidecar that was lost while the store was gone has as long to come back as after a restart', async (t) => {
  const { clock, start } = await rig(t);
  const a = await start();
  const registration = await a.connect();
  const held = a.holdStore();
  registration.lost();
  held.fail();
  await clock.advance(LOST_TTL_MS * 2);
  t.deepEqual(ids(a), ['web-1'], 'nothing can be written');
  held.end();
  const lease = await leaseOf(a);
  await clock.advance(1_000);
  await eventually('the store to be told', async () => (await leaseOf(a)) !== lease || undefined);
  await clock.advance(SESSION_TTL_MS - 1_000);
  t.deepEqual(ids(a), ['web-1']);
  await clock.advance(2_000);
  await eventually('its end', () => ids(a).length === 0 || undefined);
  t.pass();
});
