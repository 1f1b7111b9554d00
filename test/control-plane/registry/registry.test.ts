import test from 'ava';
import { RegistryError } from '../../../control-plane/registry/registry-error.ts';
import { LOST_TTL_MS } from '../../../control-plane/registry/registry.ts';
import { SESSION_TTL_MS } from '../../../control-plane/registry/session-lease.ts';
import { eventually } from '../../helpers/deadline.ts';
import { rig, type Life } from './registry-under-test.ts';

const ids = ({ view }: Life): string[] => [...view.endpoints.keys()];

test('whom a sidecar lets in by itself is kept over a restart of the control plane', async (t) => {
  const { start } = await rig(t);
  const first = await start();
  const allow = [{ port: 8080, namespace: 'shop', service: 'job' }];
  await first.connect({ allow });
  await first.connect({ instanceId: 'web-0' });
  await first.end();
  const known = (await start()).registry.list();
  const byId = new Map(known.map(({ record }) => [record.instanceId, record.allow]));
  t.deepEqual([byId.get('web-1'), byId.get('web-0')], [allow, undefined]);
});

test('an endpoint outlives the control plane, and its sidecar comes back to it', async (t) => {
  const { clock, start } = await rig(t);
  const first = await start();
  await first.connect();
  const { version } = first.view;
  await first.end();
  const second = await start();
  t.deepEqual(ids(second), ['web-1']);
  t.true(second.view.version >= version, 'versions never go back');
  t.false(second.registry.list()[0]?.connected);
  await clock.advance(SESSION_TTL_MS - 1);
  let changes = 0;
  second.view.onChange(() => {
    changes += 1;
  });
  await second.connect();
  await clock.advance(SESSION_TTL_MS * 3);
  t.deepEqual(ids(second), ['web-1']);
  t.is(changes, 0, 'nobody noticed');
  t.true(second.registry.list()[0]?.connected);
});

test('an endpoint whose sidecar does not come back to a restarted control plane goes', async (t) => {
  const { clock, start } = await rig(t);
  const first = await start();
  await first.connect();
  await first.end();
  const second = await start();
  await clock.advance(SESSION_TTL_MS);
  t.deepEqual(ids(second), []);
});

test('an endpoint stays while its sidecar is connected, however long', async (t) => {
  const { clock, start } = await rig(t);
  const life = await start();
  await life.connect();
  await clock.advance(SESSION_TTL_MS * 10);
  t.deepEqual(ids(life), ['web-1']);
});

test('a lost session lease is replaced, and everybody is registered again', async (t) => {
  const { clock, start } = await rig(t);
  const life = await start();
  await life.connect();
  const lease = (await life.store.get('mesh/sidecars/web-1'))?.lease;
  await life.store.revokeLease(lease ?? '');
  t.deepEqual(ids(life), []);
  await clock.advance(SESSION_TTL_MS);
  await eventually('the registration is written again', () => ids(life)[0]);
  t.not((await life.store.get('mesh/sidecars/web-1'))?.lease, lease);
});

test('another identity cannot take an instance id until it is free', async (t) => {
  const { clock, start } = await rig(t);
  const life = await start();
  const registration = await life.connect();
  const other = { spiffeId: 'spiffe://mesh.local/ns/shop/sa/api' };
  const error = await t.throwsAsync(life.connect(other), { instanceOf: RegistryError });
  t.is(error?.code, 'instance-taken');
  registration.lost();
  await t.throwsAsync(life.connect(other), { instanceOf: RegistryError });
  await eventually('the lease begins', async () => {
    await clock.advance(LOST_TTL_MS);
    return ids(life).length === 0 || undefined;
  });
  await t.notThrowsAsync(life.connect(other));
});

test('what the older of two connections says counts no more', async (t) => {
  const { clock, start } = await rig(t);
  const life = await start();
  let replaced = 0;
  const older = await life.connect({}, { onReplaced: () => void (replaced += 1) });
  await life.connect({ addresses: ['10.0.0.2'] });
  t.is(replaced, 1);
  await older.goodbye();
  older.lost();
  older.acknowledge(99, 99);
  await clock.advance(LOST_TTL_MS * 2);
  t.deepEqual(ids(life), ['web-1']);
  t.is(life.registry.list()[0]?.acknowledgedVersion, 0);
  t.is(life.registry.connected, 1);
});

test('two that come with the same id at once: one wins, and the other is told', async (t) => {
  const { start } = await rig(t);
  const life = await start();
  let replaced = 0;
  const onReplaced = (): void => {
    replaced += 1;
  };
  await Promise.all([life.connect({}, { onReplaced }), life.connect({}, { onReplaced })]);
  t.is(replaced, 1);
  t.is(life.registry.connected, 1);
});
