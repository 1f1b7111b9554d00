// Operators rotate the root, look how far it is, and go back; refused is what makes no sense.
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { Authority } from '../../../../proto/gen/hauberk/v1/admin.ts';
import { connectAdmin } from '../../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../../cli/admin/credential.ts';
import { systemClock } from '../../../../common/clock.ts';
import { rootDigest } from '../../../../common/pki/join-token/root-digest.ts';
import { parseJoinToken } from '../../../../common/pki/join-token/join-token.ts';
import { parseSpiffeId } from '../../../../common/pki/spiffe-id.ts';
import { pinRoot } from '../../../../common/rpc/pin.ts';
import { eventually } from '../../../helpers/deadline.ts';
import {
  startControlPlaneUnderTest,
  webId,
  type ControlPlaneUnderTest,
} from '../../control-plane-under-test.ts';
import { hello, openSyncStream } from '../sync/sync-stream-under-test.ts';

/** Lets the control plane's clock run until its authority is as wanted. */
function until(
  cp: ControlPlaneUnderTest,
  what: string,
  wanted: (authority: Authority) => boolean,
): Promise<Authority> {
  return eventually(what, async () => {
    await cp.clock.advance(600);
    const authority = await cp.admin.getAuthority();
    return wanted(authority) ? authority : undefined;
  });
}

const isOver = ({ rotation }: Authority): boolean => rotation === undefined;
const routine = { compromised: false, graceSeconds: 0 };

/** First contact, as a sidecar makes it. */
async function enrolWith(
  t: ExecutionContext,
  cp: ControlPlaneUnderTest,
  joinToken: string,
): Promise<number> {
  const pinned = await pinRoot({
    host: '127.0.0.1',
    port: cp.controlPlane.grpcPort,
    rootDigest: parseJoinToken(joinToken).rootDigest,
    timeoutMs: 5_000,
    clock: systemClock,
  });
  t.is(rootDigest(pinned), parseJoinToken(joinToken).rootDigest);
  const { chain } = await cp.issue({ joinToken, spiffeId: webId });
  return chain.length;
}

test('a rotation without sidecars goes through, and the operator is believed all the time', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const before = await cp.admin.getAuthority();
  t.is(before.rotation, undefined);
  t.true(await cp.metric('hauberk_root_rotation_phase{phase="stable"} 1'));
  const token = await cp.token();

  const started = await cp.admin.rotateRoot(routine);
  t.like(started.rotation, { phase: 'prepared', fromDigest: before.rootDigest, returning: false });
  t.is(started.rootDigest, before.rootDigest);
  t.true(await cp.metric('hauberk_root_rotation_phase{phase="prepared"} 1'));
  const again = await cp.admin.rotateRoot(routine);
  t.is(again.rotation?.toDigest, started.rotation?.toDigest, 'one at a time');

  const after = await until(cp, 'the rotation is over', isOver);
  t.is(after.rootDigest, started.rotation?.toDigest ?? '');
  t.is(after.bundleVersion, before.bundleVersion + 3);
  await eventually('the credential of the operator leads to one root', () => {
    const { roots } = readAdminCredential(cp.controlPlane.adminFile);
    return roots.length === 1 && roots.every((root) => rootDigest(root) === after.rootDigest)
      ? true
      : undefined;
  });
  // The connection of before lives on; a new one with the credential of before is made, too.
  const address = { host: '127.0.0.1', port: cp.controlPlane.grpcPort };
  const old = connectAdmin({ address, credential: cp.operator });
  t.teardown(() => old.close());
  t.is((await old.getAuthority()).rootDigest, after.rootDigest);

  t.is(await enrolWith(t, cp, token), 2, 'a token from before');
});

test('a token is good over several rotations', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const tokens = [await cp.token()];
  for (let rotations = 0; rotations < 2; rotations += 1) {
    await cp.admin.rotateRoot(routine);
    await until(cp, 'the rotation is over', isOver);
    tokens.push(await cp.token());
  }
  t.is(new Set(tokens.map((token) => parseJoinToken(token).rootDigest)).size, 3);
  for (const token of tokens) await t.notThrowsAsync(enrolWith(t, cp, token));
});

test('an abort goes back at once before anything is signed, and carefully afterwards', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const before = await cp.admin.getAuthority();
  await t.throwsAsync(cp.admin.abortRotation(), { code: 'rotation-not-abortable' });
  await cp.admin.rotateRoot(routine);
  const early = await cp.admin.abortRotation();
  t.is(early.rotation, undefined);
  t.is(early.rootDigest, before.rootDigest);

  const token = await cp.token();
  await cp.enrol('shop', 'web');
  await cp.admin.rotateRoot(routine);
  const signing = await until(
    cp,
    'the new root signs',
    ({ rotation }) => rotation?.phase === 'signing',
  );
  t.like(signing.rotation?.blockers[0], {
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    connected: false,
  });
  const during = await cp.token();
  t.is(
    parseJoinToken(during).rootDigest,
    before.rootDigest,
    'pins the root that will do either way',
  );
  await cp.enrol('shop', 'api');

  const back = await cp.admin.abortRotation();
  t.like(back.rotation, { returning: true, toDigest: before.rootDigest });
  t.is(back.rootDigest, before.rootDigest);
  await t.throwsAsync(cp.admin.abortRotation(), { code: 'rotation-not-abortable' });
  await t.throwsAsync(cp.admin.rotateRoot(routine), { code: 'rotation-under-way' });
  const waiting = await until(cp, 'it waits', ({ rotation }) => rotation?.total === 2);
  t.deepEqual(
    waiting.rotation?.blockers.map(({ spiffeId }) => parseSpiffeId(spiffeId).service),
    ['api'],
    'for the certificate below the root that goes',
  );
  await cp.clock.advance(3_600_000);
  const after = await until(cp, 'it is over', isOver);
  t.is(after.rootDigest, before.rootDigest);
  for (const good of [token, during]) {
    t.is(parseJoinToken(good).rootDigest, after.rootDigest);
  }
});

test('after a theft no token is made until the new root signs, and there is no way back then', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  await cp.enrol('shop', 'web');
  await cp.admin.rotateRoot({ compromised: true, graceSeconds: 60 });
  await t.throwsAsync(cp.token(), {
    code: 'unavailable',
    message: /a token cannot pin the new one yet/,
  });
  await until(cp, 'the new root signs', ({ rotation }) => rotation?.phase === 'signing');
  await t.throwsAsync(cp.admin.abortRotation(), { code: 'rotation-not-abortable' });
  await t.notThrowsAsync(cp.token());
});

test('a certificate that was revoked, and a sidecar that never acknowledges, hold no rotation up', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const silent = await cp.enrol('shop', 'silent');
  const stream = openSyncStream(cp, silent);
  stream.say(hello({ instanceId: 'silent-1' }));
  await stream.next();
  await cp.enrol('shop', 'web');
  await cp.admin.revoke({ kind: 'identity', namespace: 'shop', service: 'web' });
  await cp.admin.rotateRoot(routine);

  const named = await until(cp, 'the silent one is named', ({ rotation }) => {
    return rotation?.blockers.some(({ instanceId }) => instanceId === 'silent-1') === true;
  });
  t.is(named.rotation?.phase, 'prepared');
  await cp.clock.advance(60_000);
  const left = await until(cp, 'the silent one is left behind', ({ rotation }) => {
    return rotation?.phase === 'signing';
  });
  // What it was issued is waited for until it expires; nothing of whom is revoked.
  const waiting = left.rotation?.blockers.map(({ spiffeId }) => parseSpiffeId(spiffeId).service);
  t.deepEqual(waiting, ['silent']);
  await cp.clock.advance(3_600_000);
  await until(cp, 'the rotation is over', isOver);
});
