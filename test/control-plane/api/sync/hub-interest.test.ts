// The hub tells each stream of what it is interested in, answers what it asks, and leaves the others alone.
import test from 'ava';
import type { EpochMs } from '../../../../common/clock.ts';
import { parseSpiffeId } from '../../../../common/pki/spiffe-id.ts';
import { toScopes, type Scope } from '../../../../common/wire/interest.ts';
import type { Interest } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { DEPARTED_MS } from '../../../../common/network/departed-addresses.ts';
import { SESSION_TTL_MS } from '../../../../control-plane/registry/session-lease.ts';
import { LOST_TTL_MS } from '../../../../control-plane/registry/registry.ts';
import {
  encodeRevocation,
  identityKey,
} from '../../../../control-plane/revocation/revocation-record.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { rig } from '../../registry/registry-under-test.ts';
import { subscriber, underTest } from './hub-under-test.ts';

const uri = (service: string, namespace = 'shop'): string =>
  `spiffe://mesh.local/ns/${namespace}/sa/${service}`;
const API = { spiffeId: uri('api'), addresses: ['10.0.0.1'] };
const DB = { spiffeId: uri('db'), addresses: ['10.0.0.2'] };
const JOB = { spiffeId: uri('job', 'batch'), addresses: ['10.0.0.3'] };

const scopes = (interest: Partial<Interest>): Scope[] =>
  toScopes({ services: [], namespaces: [], addresses: [], ...interest });
const api = scopes({ services: [{ namespace: 'shop', service: 'api' }] });
const db = scopes({ services: [{ namespace: 'shop', service: 'db' }] });
const change = (added: Scope[], dropped: Scope[] = []) => ({ added, dropped });

/** What the last message says that it is all of. */
function completeOf(stream: ReturnType<typeof subscriber>): Interest | undefined {
  const last = stream.decoded.at(-1)?.change;
  return last?.$case === 'snapshot' || last?.$case === 'delta' ? last.value.complete : undefined;
}

test('a stream is told of the services that it names, in its snapshot and later, and of no other', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  await join('api-1', API);
  await join('db-1', DB);
  const [apis, all] = [subscriber(), subscriber()];
  hub.subscribe({ version: 0, scopes: api }, apis.send);
  hub.subscribe({ version: 0 }, all.send);
  t.deepEqual(apis.told, [`snapshot ${view.version}: api-1`]);
  t.deepEqual(completeOf(apis), {
    services: [{ namespace: 'shop', service: 'api' }],
    namespaces: [],
    addresses: [],
  });
  t.is(completeOf(all), undefined, 'who asks for nothing hears of no interest');
  await pass();
  await join('db-2', DB);
  await pass();
  t.is(apis.told.length, 1, 'nothing of db');
  t.is(all.told.at(-1), `delta ${view.version}: db-2`);
  await join('api-2', API);
  await pass();
  t.deepEqual(apis.told.slice(1), [`delta ${view.version}: api-2`]);
  t.is(completeOf(apis), undefined);
});

test('a namespace is all of its services, and an address whoever names it', async (t) => {
  const { hub, join, pass, base } = await underTest(t);
  const [shop, place] = [subscriber(), subscriber()];
  hub.subscribe({ version: base, scopes: scopes({ namespaces: ['shop'] }) }, shop.send);
  hub.subscribe({ version: base, scopes: scopes({ addresses: ['10.0.0.3'] }) }, place.send);
  for (const [id, record] of Object.entries({ 'api-1': API, 'db-1': DB, 'job-1': JOB })) {
    await join(id, record);
    await pass();
  }
  const told = (stream: ReturnType<typeof subscriber>) =>
    stream.told.slice(1).map((one) => one.split(': ')[1]);
  t.deepEqual(told(shop), ['api-1', 'db-1']);
  t.deepEqual(told(place), ['job-1']);
});

test('what is asked is answered at once and followed, also when there is nothing, until it is dropped', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  const stream = subscriber();
  const subscription = hub.subscribe({ version: 0, scopes: api }, stream.send);
  const here = scopes({ addresses: ['10.0.0.2'] });
  subscription.change(change(here));
  t.deepEqual(stream.told.slice(1), [`delta ${view.version}: `]);
  t.deepEqual(completeOf(stream)?.addresses, ['10.0.0.2']);
  await join('db-1', DB);
  await pass();
  t.deepEqual(stream.told.slice(2), [`delta ${view.version}: db-1`], 'it has arrived there');
  subscription.change(change(db, here));
  t.is(stream.told.at(-1), `delta ${view.version}: db-1`);
  subscription.change(change([], db));
  await join('db-1', { ...DB, ports: [1] });
  await pass();
  t.is(stream.told.length, 4, 'nothing of what was dropped');
  t.is(subscription.scopeCount, 1);
});

test('who moves away is gone for those who asked about the address, and moved for those who follow the service', async (t) => {
  const { hub, join, pass, base, view } = await underTest(t);
  await join('db-1', DB);
  const [place, service] = [subscriber(), subscriber()];
  hub.subscribe({ version: base, scopes: scopes({ addresses: ['10.0.0.2'] }) }, place.send);
  hub.subscribe({ version: base, scopes: db }, service.send);
  await pass();
  await join('db-1', { ...DB, addresses: ['10.0.0.9'] });
  await pass();
  t.is(place.told.at(-1), `delta ${view.version}: -db-1`);
  t.is(service.told.at(-1), `delta ${view.version}: db-1`);
});

test('who comes back is told what it missed of its interest alone, gone ones included', async (t) => {
  const { hub, view, join, clock, pass } = await underTest(t);
  const lost = await join('api-1', API);
  const other = await join('db-1', DB);
  const { version } = view;
  lost.lost();
  other.lost();
  await clock.advance(LOST_TTL_MS + 1_000);
  await pass();
  await join('api-2', API);
  const back = subscriber();
  hub.subscribe({ version, scopes: api }, back.send);
  t.deepEqual(back.told, [`delta ${view.version}: api-2,-api-1`]);
  t.deepEqual(completeOf(back), { services: [], namespaces: [], addresses: [] });
  const lostStore = subscriber();
  hub.subscribe({ version: view.version + 1_000, scopes: api }, lostStore.send);
  t.deepEqual(lostStore.told, [`snapshot ${view.version}: api-2`]);
});

test('a policy goes to all; who heard of nothing else for long has missed nothing', async (t) => {
  const { hub, view, join, pass, store } = await underTest(t);
  const stream = subscriber();
  hub.subscribe({ version: 0, scopes: db }, stream.send);
  await join('api-1', API);
  await pass();
  for (let count = 0; count < 3; count += 1) await join('api-1', { ...API, ports: [count + 1] });
  await pass();
  t.is(stream.told.length, 1);
  const [revokedMs, expiresMs] = [0 as EpochMs, 1e15 as EpochMs];
  const value = encodeRevocation({ spiffeId: uri('evil'), revokedMs, expiresMs });
  const key = identityKey({ ...parseSpiffeId(uri('evil')) });
  await store.transact([], [{ kind: 'put', key, value }]);
  await pass();
  t.deepEqual(stream.told.slice(1), [`delta ${view.version}: `]);
  const last = stream.decoded.at(-1)?.change;
  const revoked = last?.$case === 'delta' ? last.value.revocations?.revocations : [];
  t.deepEqual(
    revoked?.map(({ spiffeId }) => spiffeId),
    [uri('evil')],
  );
});

test('a stream that stalls gets what it asked and what it missed in one message', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  const slow = subscriber({ takes: false });
  const subscription = hub.subscribe({ version: 0, scopes: api }, slow.send);
  await join('api-1', API);
  await pass();
  subscription.change(change(db));
  await join('db-1', DB);
  await pass();
  t.is(slow.told.length, 1);
  slow.take();
  t.deepEqual(slow.told.slice(1), [`delta ${view.version}: api-1,db-1`]);
  t.deepEqual(completeOf(slow)?.services, [{ namespace: 'shop', service: 'db' }]);
  slow.take();
  t.is(slow.told.length, 2);
});

test('a message is made once for all that are told the same, whatever else they follow', async (t) => {
  const { hub, join, pass, base } = await underTest(t);
  const [one, other] = [subscriber(), subscriber()];
  hub.subscribe({ version: base, scopes: api }, one.send);
  hub.subscribe({ version: base, scopes: [...api, ...db] }, other.send);
  await pass();
  await join('api-1', API);
  await pass();
  t.is(one.messages.at(-1), other.messages.at(-1));
});

test('an address that a sidecar has left lately is told to have been one of the mesh', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  const at = { ...DB, seen: '10.0.0.2' };
  const left = await join('db-1', at);
  await left.goodbye();
  await pass();
  const stream = subscriber();
  hub.subscribe(
    { version: 0, scopes: scopes({ addresses: ['10.0.0.2', '10.0.0.4'] }) },
    stream.send,
  );
  t.deepEqual(stream.told, [`snapshot ${view.version}: `]);
  t.deepEqual(departedOf(stream), ['10.0.0.2']);
});

/** The addresses of which the last message says that a sidecar was there. */
function departedOf(stream: ReturnType<typeof subscriber>): readonly string[] {
  const last = stream.decoded.at(-1)?.change;
  return last?.$case === 'snapshot' || last?.$case === 'delta' ? last.value.departed : [];
}

const AT_2 = scopes({ addresses: ['10.0.0.2'] });

test('so is one that a sidecar gave up when it moved, and one of a sidecar that was revoked, for ten minutes', async (t) => {
  const { clock, hub, join, pass } = await underTest(t);
  await join('db-1', { ...DB, seen: '10.0.0.2' });
  const evil = await join('evil-1', { ...API, addresses: ['10.0.0.3'], seen: '10.0.0.3' });
  await pass();
  const stream = subscriber();
  const subscription = hub.subscribe({ version: 0, scopes: [] }, stream.send);
  await join('db-1', { ...DB, addresses: ['10.0.0.4'], seen: '10.0.0.4' });
  await evil.goodbye('revoked');
  await pass();
  const asked = scopes({ addresses: ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'] });
  subscription.change(change(asked));
  t.deepEqual(departedOf(stream), ['10.0.0.2', '10.0.0.3']);
  await clock.advance(DEPARTED_MS);
  subscription.change(change(AT_2));
  t.deepEqual(departedOf(stream), []);
});

test('so is one of a sidecar that was lost together with its control plane', async (t) => {
  const { clock, start } = await rig(t);
  const before = await start();
  await before.connect({ ...DB, seen: '10.0.0.2' });
  await before.end();
  const { view } = await start();
  t.is(view.endpoints.size, 1);
  await eventually('its lease to end', async () => {
    await clock.advance(SESSION_TTL_MS);
    return view.endpoints.size === 0 || undefined;
  });
  t.true(view.wasAt('10.0.0.2'));
  t.false(view.wasAt('10.0.0.3'));
});

test('a sidecar that comes back is told again, as it may have forgotten', async (t) => {
  const { hub, view, join, pass } = await underTest(t);
  await (await join('db-1', { ...DB, seen: '10.0.0.2' })).goodbye();
  await pass();
  const stream = subscriber();
  hub.subscribe({ version: view.version, scopes: AT_2 }, stream.send);
  t.deepEqual([stream.told, departedOf(stream)], [[`delta ${view.version}: `], ['10.0.0.2']]);
});

test('of ten thousand streams a change reaches those that it concerns, and the others cost nothing', async (t) => {
  const { hub, join, pass, base } = await underTest(t);
  const sent = new Map<number, number>();
  for (let at = 0; at < 10_000; at += 1) {
    const services = [{ namespace: 'shop', service: `s${at % 500}` }];
    hub.subscribe({ version: base, scopes: scopes({ services }) }, (message, done) => {
      if (message.length > 64) sent.set(at, message.length);
      done();
    });
  }
  await pass();
  await join('s7-1', { spiffeId: uri('s7') });
  await pass();
  t.deepEqual(
    [...sent.keys()],
    Array.from({ length: 20 }, (_, at) => at * 500 + 7),
  );
});
