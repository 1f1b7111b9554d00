// What a sidecar asks to be told of, over one Sync stream after the other, and what it makes of the answers.
import test, { type ExecutionContext } from 'ava';
import {
  addressScope,
  MAX_SCOPES,
  serviceScope,
  toInterestMessage,
  type Scope,
} from '../../../../common/wire/interest.ts';
import type {
  Endpoint,
  InterestChange,
  SyncResponse,
} from '../../../../proto/gen/hauberk/v1/discovery.ts';
import type { SyncClient } from '../../../../proxy/discovery/sync/client.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import {
  acknowledges,
  api,
  authority,
  delta,
  newIdentityOfNextIssuer,
  snapshot,
  syncUnderTest,
} from '../../../helpers/mesh/sync-under-test.ts';
import {
  startTestControlPlane,
  type SeenStream,
} from '../../../helpers/mesh/test-control-plane.ts';

const API = serviceScope({ namespace: 'shop', service: 'api' });
const DB = serviceScope({ namespace: 'shop', service: 'db' });
const db = (instanceId: string): Endpoint =>
  api(instanceId, { spiffeId: 'spiffe://mesh.local/ns/shop/sa/db', addresses: ['127.0.0.3'] });

function answering(response: SyncResponse, complete: readonly Scope[]): SyncResponse {
  const { change } = response;
  if (change?.$case !== 'snapshot' && change?.$case !== 'delta') throw new TypeError('no change');
  Object.assign(change.value, { complete: toInterestMessage(complete) });
  return response;
}

async function nextChange(stream: SeenStream, at = 0): Promise<InterestChange> {
  const isChange = ({ message }: { message?: { $case: string } | undefined }): boolean =>
    message?.$case === 'interestChange';
  await stream.until(
    'a change of the interest',
    () => stream.requests.filter(isChange).length > at,
  );
  const message = stream.requests.filter(isChange)[at]?.message;
  if (message?.$case !== 'interestChange') throw new TypeError('expected a change');
  return message.value;
}

function knows(t: ExecutionContext, { view }: SyncClient, expected: string[]): void {
  t.deepEqual(
    view
      .endpoints()
      .map(({ instanceId }) => instanceId)
      .sort(),
    expected,
  );
}

test('names what it needs, asks for more, and gives up what it needs no more', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  t.deepEqual(stream.hello.interest, toInterestMessage([API]));
  t.is(stream.hello.interestVersion, 0);
  stream.send(answering(snapshot(5, [api('a')]), [API]));
  await stream.until('an acknowledgement of 5', acknowledges(5));
  t.true(client.view.isComplete(API));
  t.false(client.view.isComplete(DB), 'that there is no database is not known');

  world.interest.set('routes', [DB]);
  t.deepEqual(await nextChange(stream), {
    added: toInterestMessage([DB]),
    dropped: toInterestMessage([]),
  });
  // Nothing more is asked before that is answered.
  world.interest.add('addresses', addressScope('10.0.0.9'));
  world.interest.add('addresses', addressScope('10.0.0.8'));
  stream.send(answering(delta(5, [db('d')]), [DB]));
  t.deepEqual(await nextChange(stream, 1), {
    added: toInterestMessage(['address 10.0.0.9', 'address 10.0.0.8']),
    dropped: toInterestMessage([]),
  });
  t.true(client.view.isComplete(DB));
  knows(t, client, ['a', 'd']);
  stream.send(answering(delta(6, []), ['address 10.0.0.9', 'address 10.0.0.8']));
  await stream.until('an acknowledgement of 6', acknowledges(6));
  t.true(client.view.isComplete('address 10.0.0.9'));

  world.interest.set('routes', []);
  t.deepEqual((await nextChange(stream, 2)).dropped, toInterestMessage([DB]));
  knows(t, client, ['a']);
  // It was on its way.
  stream.send(delta(7, [db('d')]));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  knows(t, client, ['a']);
});

test('an endpoint that an answer does not have has gone', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(answering(snapshot(5, [api('a')]), [API]));
  await stream.until('an acknowledgement of 5', acknowledges(5));
  world.interest.add('addresses', addressScope('127.0.0.2'));
  await nextChange(stream);
  const departed: string[] = [];
  client.view.onChange((change) => departed.push(...change.departed));
  stream.send(answering(delta(6, []), ['address 127.0.0.2']));
  await stream.until('an acknowledgement of 6', acknowledges(6));
  knows(t, client, []);
  t.deepEqual(departed, ['127.0.0.2'], 'and its address was one of the mesh');
});

test('resumes what it knows, and asks for the rest afterwards', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(answering(snapshot(5, [api('a')]), [API]));
  await stream.until('an acknowledgement of 5', acknowledges(5));
  stream.fail();
  const second = await world.controlPlane.nextStream();
  t.is(second.hello.interestVersion, 5);
  t.is(
    second.hello.resumeVersion,
    0,
    'an older control plane must not take it for all of the mesh',
  );
  second.send(answering(delta(6, [api('b')]), []));
  await second.until('an acknowledgement of 6', acknowledges(6));
  knows(t, client, ['a', 'b']);

  second.fail();
  await eventually('the loss', () => (client.connected ? undefined : true));
  world.interest.set('routes', [DB]);
  const third = await world.controlPlane.nextStream();
  t.is(third.hello.interestVersion, 6, 'what is older than that is no answer');
  t.deepEqual(third.hello.interest, toInterestMessage([API]));
  third.send(answering(delta(6, []), []));
  t.deepEqual((await nextChange(third)).added, toInterestMessage([DB]));
});

test('an older control plane, which tells everything, is believed; a newer one after it, too', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  const client = await world.client();
  const older = await world.controlPlane.nextStream();
  older.send(snapshot(5, [api('a'), db('d')]));
  await older.until('an acknowledgement of 5', acknowledges(5));
  knows(t, client, ['a', 'd']);
  t.is(client.view.complete, undefined);
  world.interest.add('addresses', addressScope('10.0.0.9'));
  t.true(client.view.isComplete('address 10.0.0.9'));
  older.send(delta(6, []));
  await older.until('an acknowledgement of 6', acknowledges(6));
  t.false(older.requests.some(({ message }) => message?.$case === 'interestChange'));

  older.fail();
  const newer = await world.controlPlane.nextStream();
  t.is(newer.hello.interestVersion, 6, 'a view of everything has all that it needs');
  t.is(newer.hello.resumeVersion, 6);
  newer.send(answering(delta(7, [api('b')]), []));
  await newer.until('an acknowledgement of 7', acknowledges(7));
  knows(t, client, ['a', 'b']);

  newer.fail();
  const again = await world.controlPlane.nextStream();
  t.is(again.hello.resumeVersion, 0);
  again.send(snapshot(8, [db('d')]));
  await again.until('an acknowledgement of 8', acknowledges(8));
  t.is(client.view.complete, undefined);
});

test('what was asked of the stream before is asked of the one that replaces it', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  const client = await world.client();
  const first = await world.controlPlane.nextStream();
  first.send(answering(snapshot(5, [api('a')]), [API]));
  await first.until('an acknowledgement of 5', acknowledges(5));
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  const second = await world.controlPlane.nextStream();
  world.interest.set('routes', [DB]);
  await nextChange(first);
  first.send(answering(delta(5, [db('d')]), [DB]));
  await eventually('the database', () => (client.view.isComplete(DB) ? true : undefined));

  second.send(answering(delta(6, []), []));
  t.deepEqual((await nextChange(second)).added, toInterestMessage([DB]));
  t.true(client.view.isComplete(DB), 'it is known meanwhile');
  knows(t, client, ['a', 'd']);
  // A third one must not count on what the second has not told.
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  t.deepEqual((await world.controlPlane.nextStream()).hello.interest, toInterestMessage([API]));
});

test('what an older stream says when another one is heard counts for nothing', async (t) => {
  await using world = await syncUnderTest();
  const inForce = Promise.withResolvers<void>();
  world.interest.set('upstreams', [API]);
  const client = await world.client({ onBundle: () => inForce.promise });
  const first = await world.controlPlane.nextStream();
  first.send(answering(snapshot(5, [api('a')]), [API]));
  inForce.resolve();
  await first.until('an acknowledgement of 5', acknowledges(5));
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  const second = await world.controlPlane.nextStream();
  // Of a control plane that is behind: it goes on from there.
  second.send(answering(snapshot(4, [api('z')]), [API]));
  first.send(delta(6, [api('b')]));
  await second.until('an acknowledgement of 4', acknowledges(4));
  second.send(delta(5, [api('c')]));
  await second.until('an acknowledgement of 5', acknowledges(5));
  t.is(client.view.version, 5);
  t.false(client.view.has('a'));
});

test('a restart without a control plane knows what was answered, and what was not', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  world.interest.set('addresses', [addressScope('10.0.0.9')]);
  const first = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(answering(snapshot(7, [api('a')]), [API, 'address 10.0.0.9']));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  await first.close();
  const { port } = world.controlPlane;
  await world.controlPlane.stop();

  const second = await world.client();
  knows(t, second, ['a']);
  t.true(second.view.isComplete('address 10.0.0.9'));
  t.false(second.view.isComplete('address 10.0.0.8'));
  await using back = await startTestControlPlane({ authority, port });
  t.is((await back.nextStream()).hello.interestVersion, 7);
});

test('one that needs more than a stream may name asks for everything', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(answering(snapshot(5, []), [API]));
  await stream.until('an acknowledgement of 5', acknowledges(5));
  const many = Array.from({ length: MAX_SCOPES }, (_, at) =>
    serviceScope({ namespace: 'shop', service: `s${at}` }),
  );
  world.interest.set('gateway', many);
  const second = await world.controlPlane.nextStream();
  t.is(second.hello.interest, undefined);
  second.send(snapshot(6, [api('a')]));
  await second.until('an acknowledgement of 6', acknowledges(6));
  world.interest.set('gateway', []);
  t.deepEqual((await world.controlPlane.nextStream()).hello.interest, toInterestMessage([API]));
});

test('a snapshot that was on its way makes nothing known that was given up meanwhile', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  world.interest.set('addresses', ['address 10.0.0.9']);
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(answering(snapshot(5, []), [API, 'address 10.0.0.9']));
  await stream.until('an acknowledgement of 5', acknowledges(5));
  world.interest.set('addresses', []);
  await nextChange(stream);
  stream.send(answering(snapshot(6, [api('a')]), [API, 'address 10.0.0.9']));
  await stream.until('an acknowledgement of 6', acknowledges(6));
  knows(t, client, ['a']);
  t.false(client.view.isComplete('address 10.0.0.9'), 'nobody tells of who comes there');
});

test('what was given up, and is wanted again while a stream replaces another, is asked of the new one', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  world.interest.set('routes', [DB]);
  const client = await world.client();
  const first = await world.controlPlane.nextStream();
  first.send(answering(snapshot(5, [db('d')]), [API, DB]));
  await first.until('an acknowledgement of 5', acknowledges(5));
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  const second = await world.controlPlane.nextStream();
  t.deepEqual(second.hello.interest, toInterestMessage([API, DB]));
  world.interest.set('routes', []);
  await nextChange(first);
  world.interest.set('routes', [DB]);
  await nextChange(first, 1);
  t.false(client.view.isComplete(DB));

  second.send(answering(delta(6, []), []));
  t.deepEqual((await nextChange(second)).added, toInterestMessage([DB]));
  second.send(answering(delta(6, [db('d')]), [DB]));
  await eventually('the database', () => (client.view.isComplete(DB) ? true : undefined));
  knows(t, client, ['d']);
});

test('a stream that asks for everything is not given up because the one before it goes on', async (t) => {
  await using world = await syncUnderTest();
  world.interest.set('upstreams', [API]);
  const client = await world.client();
  const first = await world.controlPlane.nextStream();
  first.send(answering(snapshot(5, []), [API]));
  await first.until('an acknowledgement of 5', acknowledges(5));
  const many = Array.from({ length: MAX_SCOPES }, (_, at) =>
    serviceScope({ namespace: 'shop', service: `s${at}` }),
  );
  world.interest.set('gateway', many);
  const second = await world.controlPlane.nextStream();
  let hasEnded = false;
  void second.ended.then(() => (hasEnded = true));
  first.send(delta(6, [api('a')]));
  await first.until('an acknowledgement of 6', acknowledges(6));
  second.send(snapshot(7, [api('b')]));
  await second.until('an acknowledgement of 7', acknowledges(7));
  t.false(hasEnded);
  knows(t, client, ['b']);
});

test('a stream that is not heard any more does not stay the only one', async (t) => {
  await using world = await syncUnderTest();
  const inForce = Promise.withResolvers<void>();
  const second = { hasRoots: Promise.withResolvers<void>(), isNext: false };
  world.interest.set('upstreams', [API]);
  const client = await world.client({
    async onBundle() {
      if (!second.isNext) return;
      second.isNext = false;
      second.hasRoots.resolve();
      await inForce.promise;
    },
  });
  const first = await world.controlPlane.nextStream();
  first.send(answering(snapshot(5, [api('a')]), [API]));
  await first.until('an acknowledgement of 5', acknowledges(5));
  second.isNext = true;
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  // It is heard, but given up before it is there, and so is the next one.
  (await world.controlPlane.nextStream()).send(answering(snapshot(6, [api('b')]), [API]));
  await within('its roots', second.hasRoots.promise);
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  (await world.controlPlane.nextStream()).fail();
  const fourth = await world.controlPlane.nextStream();
  inForce.resolve();
  fourth.send(answering(snapshot(8, [api('c')]), [API]));
  await fourth.until('an acknowledgement of 8', acknowledges(8));
  knows(t, client, ['c']);
});
