// A renewal goes over the connection of the stream; the stream follows to one with the next certificate later.
import test, { type ExecutionContext } from 'ava';
import { RevocationList } from '../../../../common/pki/revocation.ts';
import type { EpochMs } from '../../../../common/clock.ts';
import type { SyncClient } from '../../../../proxy/discovery/sync/client.ts';
import { moveDelayMs } from '../../../../proxy/discovery/sync/follow-renewal.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import { createManualClock, type ManualClock } from '../../../helpers/manual-clock.ts';
import {
  acknowledges,
  newIdentity,
  newIdentityOfNextIssuer,
  snapshot,
  syncUnderTest,
  type SyncUnderTest,
} from '../../../helpers/mesh/sync-under-test.ts';
import type { SeenStream } from '../../../helpers/mesh/test-control-plane.ts';

interface Rig {
  readonly world: SyncUnderTest;
  readonly clock: ManualClock;
  readonly client: SyncClient;
  readonly stream: SeenStream;
  /** What it was told that the certificate in use was refused for. */
  readonly refusals: readonly string[];
}

const MINUTES = 60_000;

async function rig(t: ExecutionContext): Promise<Rig> {
  const world = await syncUnderTest();
  t.teardown(() => world[Symbol.asyncDispose]());
  const clock = createManualClock(Date.now());
  const refusals: string[] = [];
  world.identity.replace(received(clock), 'leaf');
  const onEnded = ({ code }: { code: string }): void => void refusals.push(code);
  const client = await world.client({ clock, onEnded, random: () => 0.5 });
  const stream = await world.controlPlane.nextStream();
  await answer(stream, 7);
  return { world, clock, client, stream, refusals };
}

/** An identity of an hour that was received now. */
function received(clock: ManualClock, identity = newIdentity()): ReturnType<typeof newIdentity> {
  const now = { epochMs: clock.epochMs(), monotonicMs: clock.monotonicMs() };
  return { ...identity, received: now };
}

async function answer(stream: SeenStream, version: number): Promise<void> {
  stream.send(snapshot(version, []));
  await stream.until(`an acknowledgement of ${version}`, acknowledges(version));
}

function shows({ caller }: SeenStream, { chain }: ReturnType<typeof newIdentity>): boolean {
  return caller.kind === 'workload' && caller.certificate.raw.equals(chain[0].raw);
}

test('the stream stays on its connection for a while, and moves before its certificate expires', async (t) => {
  const { world, clock, client, stream } = await rig(t);
  const first = world.identity.current();
  t.is(client.openConnection?.leaf, first.chain[0]);
  await clock.advance(30 * MINUTES);
  const next = received(clock);
  world.identity.replace(next, 'leaf');
  await clock.advance(15 * MINUTES - 1);
  t.is(client.openConnection?.leaf, first.chain[0]);
  await clock.advance(1);
  const moved = await world.controlPlane.nextStream();
  t.true(shows(moved, next));
  t.true(client.connected);
  await answer(moved, 8);
  await within('the first stream to end', stream.ended);
  t.is(client.openConnection?.leaf, next.chain[0]);
});

test('whatever is drawn, it moves in the middle of what is left', (t) => {
  const clock = createManualClock();
  const old = received(clock);
  t.is(
    moveDelayMs(old, () => 0, clock),
    15 * MINUTES,
  );
  t.is(
    moveDelayMs(old, () => 1, clock),
    45 * MINUTES,
  );
  t.is(
    moveDelayMs({ ...old, lifetimeMs: 100 }, () => 0, clock),
    1_000,
    'and never in a tight loop',
  );
});

test('one whose connection breaks first comes back with the certificate in use, and does not move', async (t) => {
  const { world, clock, client, stream } = await rig(t);
  const next = received(clock);
  world.identity.replace(next, 'leaf');
  stream.fail();
  await eventually('the loss', () => (client.connected ? undefined : true));
  await clock.advance(1_000);
  const again = await world.controlPlane.nextStream();
  t.true(shows(again, next));
  await answer(again, 8);
  await clock.advance(60 * MINUTES);
  t.is(client.openConnection?.leaf, next.chain[0]);
  t.is(world.log.of('sync-lost').length, 1);
});

test('a move that fails is tried again, and the stream goes on meanwhile', async (t) => {
  const { world, clock, client } = await rig(t);
  const next = received(clock);
  world.identity.replace(next, 'leaf');
  await clock.advance(30 * MINUTES);
  (await world.controlPlane.nextStream()).fail();
  await eventually('the next try to be planned', () =>
    clock.pending.some((ms) => ms > clock.monotonicMs() + 14 * MINUTES) ? true : undefined,
  );
  t.true(client.connected);
  await clock.advance(15 * MINUTES);
  t.true(shows(await world.controlPlane.nextStream(), next));
});

test('it follows at once to another issuer, and soon to other roots, which the control plane waits for', async (t) => {
  const { world, clock } = await rig(t);
  const other = received(clock, newIdentityOfNextIssuer());
  world.identity.replace(other, 'leaf');
  const second = await world.controlPlane.nextStream();
  t.true(shows(second, other));
  await answer(second, 8);

  const chain = [newIdentityOfNextIssuer().chain[0], ...other.chain.slice(1)] as const;
  world.identity.replace(received(clock, { ...other, chain }), 'leaf');
  const { bundle } = other;
  const withBundle = { ...world.identity.current(), bundle: { ...bundle, version: 2 } };
  world.identity.replace(withBundle, 'bundle');
  t.true(clock.pending.some((ms) => ms <= clock.monotonicMs() + 2_500));
});

test('when the certificate in use is revoked it moves soon, and its owner is told', async (t) => {
  const { world, clock, client, refusals } = await rig(t);
  const next = received(clock);
  world.identity.replace(next, 'leaf');
  const revoke = (serial: string): void => {
    const { spiffeId, bundle } = next;
    const until = (clock.epochMs() + 60 * MINUTES) as EpochMs;
    const one = { spiffeId: spiffeId.uri, serial, notBeforeMs: 0 as EpochMs, expiresMs: until };
    const revocations = new RevocationList([one]);
    world.identity.replace({ ...next, bundle: { ...bundle, revocations } }, 'revocations');
  };
  revoke('ab');
  await clock.advance(5_000);
  t.true(client.connected);
  t.deepEqual(refusals, []);
  revoke(next.chain[0].serialNumber.toLowerCase());
  await clock.advance(5_000);
  const moved = await world.controlPlane.nextStream();
  t.true(shows(moved, next));
  moved.fail();
  await eventually('the refusal to be told', () => (refusals.length > 0 ? true : undefined));
  t.deepEqual(refusals, ['unavailable']);
});

test('what an earlier certificate is refused for says nothing about the one in use', async (t) => {
  const { world, clock, client, stream, refusals } = await rig(t);
  world.identity.replace(received(clock), 'leaf');
  stream.fail();
  await eventually('the loss', () => (client.connected ? undefined : true));
  await clock.advance(1_000);
  await answer(await world.controlPlane.nextStream(), 8);
  t.true(client.connected);
  t.deepEqual(refusals, []);
});
