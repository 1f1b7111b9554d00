import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
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
import { startTestControlPlane } from '../../../helpers/mesh/test-control-plane.ts';

function apiIds(t: ExecutionContext, client: SyncClient, expected: string[]): void {
  const ids = client.view.endpointsOf('shop', 'api').map(({ instanceId }) => instanceId);
  t.deepEqual(ids.sort(), expected);
}

test('keeps the view while the control plane is away, and resumes by version', async (t) => {
  await using world = await syncUnderTest();
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
  await using world = await syncUnderTest();
  const client = await world.client();
  for (let round = 0; round < 3; round += 1) (await world.controlPlane.nextStream()).fail();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(1, []));
  await stream.until('an acknowledgement of 1', acknowledges(1));
  t.true(client.connected);
});

test('a restart without a control plane begins with the view of the last run', async (t) => {
  await using world = await syncUnderTest();
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
  await using world = await syncUnderTest();
  const first = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(7, [api('a')]));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  await first.close();

  const file = join(world.stateDirectory, 'view.json');
  const saved = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(
    file,
    JSON.stringify({ ...saved, roots: ['of another mesh'], digest: undefined }),
  );
  t.is((await world.client()).view.version, 0);
  t.is(world.log.of('view-not-restored').length, 0);

  await writeFile(file, 'broken');
  t.is((await world.client()).view.version, 0);
  t.is(world.log.of('view-not-restored').length, 1);
});

test('a leaf of another issuer gets a connection of its own before the old one is let go', async (t) => {
  await using world = await syncUnderTest();
  const client = await world.client();
  const old = await world.controlPlane.nextStream();
  old.send(snapshot(7, [api('a')]));
  await old.until('an acknowledgement of 7', acknowledges(7));
  let oldEnded = false;
  void old.ended.then(() => (oldEnded = true));

  const renewed = newIdentityOfNextIssuer();
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
  await using world = await syncUnderTest();
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
  await using world = await syncUnderTest();
  const client = await world.client();
  const old = await world.controlPlane.nextStream();
  old.send(snapshot(7, [api('a')]));
  await old.until('an acknowledgement of 7', acknowledges(7));
  world.identity.replace(newIdentityOfNextIssuer(), 'leaf');
  const next = await world.controlPlane.nextStream();
  old.fail();
  next.send(delta(8, [api('b')]));
  await next.until('an acknowledgement of 8', acknowledges(8));
  t.true(client.connected);
  t.is(world.log.of('sync-lost').length, 0);
});

test('a snapshot that is older than the view counts only as the first answer of a stream', async (t) => {
  await using world = await syncUnderTest();
  const client = await world.client();
  const stream = await world.controlPlane.nextStream();
  stream.send(snapshot(7, [api('a')]));
  await stream.until('an acknowledgement of 7', acknowledges(7));
  stream.send(snapshot(5, [api('b')]));
  stream.send(delta(8, [api('c')]));
  await stream.until('an acknowledgement of 8', acknowledges(8));
  apiIds(t, client, ['a', 'c']);

  // A store that was restored is older, and there is no other.
  stream.fail();
  const restored = await world.controlPlane.nextStream();
  t.is(restored.hello.resumeVersion, 8);
  restored.send(snapshot(3, [api('b')]));
  await restored.until('an acknowledgement of 3', acknowledges(3));
  apiIds(t, client, ['b']);
});
