/**
 * Revoking at the control plane: who is revoked gets no certificate and no Sync stream, those who are
 * not go on, and every sidecar is told.
 */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { serialOf } from '../../../common/pki/revocation.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { eventually } from '../../helpers/deadline.ts';
import { hello, openSyncStream } from '../api/sync/sync-stream-under-test.ts';
import { startControlPlaneUnderTest, type TestIdentity } from '../control-plane-under-test.ts';

const WEB = { kind: 'identity', namespace: 'shop', service: 'web' } as const;
const apiId = 'spiffe://mesh.local/ns/shop/sa/api';

function serial({ chain: [leaf] }: TestIdentity): string {
  return leaf === undefined ? '' : serialOf(leaf);
}

async function refusal(t: ExecutionContext, call: Promise<unknown>): Promise<string | undefined> {
  return (await t.throwsAsync(call, { instanceOf: RpcError }))?.code;
}

test('a revoked identity gets nothing, another one everything', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const [web, api] = [await cp.enrol('shop', 'web'), await cp.enrol('shop', 'api')];
  const token = await cp.token('shop');
  await cp.admin.revoke(WEB);

  t.is(await refusal(t, cp.issue({}, web)), 'certificate-revoked');
  t.is(await refusal(t, cp.issue({ joinToken: token })), 'identity-revoked');
  const stream = openSyncStream(cp, web);
  t.is((await stream.refused()).code, 'certificate-revoked');
  await t.notThrowsAsync(cp.issue({ spiffeId: apiId }, api));
  await t.notThrowsAsync(cp.issue({ spiffeId: apiId, joinToken: token }));
  t.true(await cp.metric('hauberk_issue_refused_total{reason="identity-revoked"} 1'));
});

test('who is readmitted gets new certificates, and the old ones stay revoked', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const old = await cp.enrol('shop', 'web');
  t.is(await refusal(t, cp.admin.readmit(WEB)), 'not-found');
  await cp.admin.revoke(WEB);
  await cp.clock.advance(1000);
  const { readmittedMs } = await cp.admin.readmit(WEB);
  t.is(readmittedMs, cp.clock.epochMs());
  t.is(await refusal(t, cp.admin.readmit(WEB)), 'not-found');

  const early = cp.issue({ joinToken: await cp.token('shop') });
  t.is(await refusal(t, early), 'unavailable', 'in this second it would look like an old one');
  await cp.clock.advance(1000);
  const web = await cp.enrol('shop', 'web');
  await t.notThrowsAsync(cp.issue({}, web));
  t.is(await refusal(t, cp.issue({}, old)), 'certificate-revoked');

  await cp.admin.revoke(WEB);
  t.is(await refusal(t, cp.issue({}, web)), 'certificate-revoked', 'revoked once more');
});

test('a certificate is revoked with what was renewed with it, and nothing else', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const [stolen, other] = [await cp.enrol('shop', 'web'), await cp.enrol('shop', 'web')];
  await cp.clock.advance(5000);
  const child = await cp.renew(stolen);
  await cp.clock.advance(5000);
  const grandchild = await cp.renew(child);
  const revoked = await cp.admin.revoke({ kind: 'serial', serial: serial(stolen).toUpperCase() });
  t.deepEqual(
    new Set(revoked.map((one) => one.serial)),
    new Set([stolen, child, grandchild].map(serial)),
  );
  for (const identity of [stolen, child, grandchild]) {
    t.is(await refusal(t, cp.issue({}, identity)), 'certificate-revoked');
  }
  await t.notThrowsAsync(cp.issue({}, other));
  await t.notThrowsAsync(cp.issue({ joinToken: await cp.token('shop') }), 'the identity may');
  t.is(await refusal(t, cp.admin.revoke({ kind: 'serial', serial: '00ff' })), 'not-found');
});

test('a token is revoked with everything that it led to', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const bad = await cp.token('shop');
  const [, , , id = ''] = bad.split('-');
  const first = await cp.enrolWith(bad, 'shop', 'web');
  const other = await cp.enrol('shop', 'web');
  await cp.clock.advance(5000);
  const second = await cp.renew(first);
  const { token, certificates } = await cp.admin.revokeToken(id, { withCertificates: true });
  t.not(token.revokedMs, undefined);
  t.is(certificates, 2);
  for (const identity of [first, second]) {
    t.is(await refusal(t, cp.issue({}, identity)), 'certificate-revoked');
  }
  await t.notThrowsAsync(cp.issue({}, other));
});

test('a token that is revoked alone leaves its sidecars in the mesh', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const joinToken = await cp.token('shop');
  const web = await cp.enrolWith(joinToken, 'shop', 'web');
  const { certificates } = await cp.admin.revokeToken(joinToken.split('-')[3] ?? '');
  t.is(certificates, 0);
  await t.notThrowsAsync(cp.issue({}, web));
});

test('the stream of a revoked sidecar ends, its endpoint goes, and the others are told', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const [web, api] = [await cp.enrol('shop', 'web'), await cp.enrol('shop', 'api')];
  const [victim, watcher] = [openSyncStream(cp, web), openSyncStream(cp, api)];
  victim.say(hello({ instanceId: 'web-1' }));
  await victim.next();
  watcher.say(hello({ instanceId: 'api-1' }));
  const first = await watcher.next();
  t.deepEqual(first.revocations, { revocations: [] });

  await cp.admin.revoke({ kind: 'serial', serial: serial(web) });
  t.is((await victim.refused()).code, 'certificate-revoked');
  const told = await eventually('the watcher is told all of it', async () => {
    await cp.clock.advance(50);
    return watcher.waiting > 0 ? watcher.next() : undefined;
  });
  t.deepEqual(
    told.revocations?.revocations.map((one) => one.serial),
    [serial(web)],
  );
  await eventually('the endpoint is gone', async () => {
    const again = openSyncStream(cp, api);
    again.say(hello({ instanceId: 'api-1' }));
    const { kind, ...message } = await again.next();
    again.kill();
    if (kind !== 'snapshot' || !('endpoints' in message)) return undefined;
    return message.endpoints.every(({ instanceId }) => instanceId !== 'web-1') || undefined;
  });
});

test('a revocation is told until the last certificate that it concerns has expired', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { leafLifetimeSeconds: 60 });
  const web = await cp.enrol('shop', 'web');
  const [revoked] = await cp.admin.revoke({
    kind: 'serial',
    serial: serial(web),
  });
  t.is(revoked?.expiresMs, web.chain[0]?.validToDate.getTime());
  await cp.admin.revoke({ ...WEB, service: 'other' }, { force: true });
  const told = async (): Promise<readonly unknown[]> => {
    const stream = openSyncStream(cp, await cp.enrol('shop', 'api'));
    stream.say(hello({ instanceId: 'api-1' }));
    const { revocations } = await stream.next();
    stream.kill();
    return revocations?.revocations ?? [];
  };
  t.is((await told()).length, 1, 'the other identity never had a certificate');
  await cp.clock.advance(61_000);
  t.is((await told()).length, 0);
  const listed = await cp.admin.listRevocations();
  t.deepEqual(
    listed.map(({ service, serial: one }) => [service, one]),
    [['other', undefined]],
    'an identity stays out until it is readmitted',
  );
});

test("the mesh's own identities are not revoked, but an operator's credential may be", async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  for (const service of ['admin', 'control-plane']) {
    const call = cp.admin.revoke({ kind: 'identity', namespace: 'hauberk', service });
    t.is(await refusal(t, call), 'request-malformed');
  }
  const [leaf] = cp.operator.chain;
  if (leaf === undefined) return t.fail('expected a credential');
  await cp.admin.revoke({ kind: 'serial', serial: serialOf(leaf) });
  t.is(await refusal(t, cp.admin.listTokens()), 'certificate-revoked');
});
