/** What one caller can make the control plane do has a bound, and nobody can keep another one out by it. */
import test from 'ava';
import { createCsr } from '../../../common/pki/csr.ts';
import { parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { createCallerLimits } from '../../../control-plane/api/caller-limits.ts';
import { RateLimited, RequestError } from '../../../control-plane/api/request-error.ts';
import { IdentityClient } from '../../../proto/gen/hauberk/v1/identity.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { startControlPlaneUnderTest, webId } from '../control-plane-under-test.ts';

const API = 'spiffe://mesh.local/ns/shop/sa/api';
const WRONG = new RequestError('token-unknown', 'the join token is unknown');

function isLimited(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof RateLimited) return error.retryAfterMs > 0;
    throw error;
  }
}

test('certificates are bounded for an identity and for a token, each by itself', async (t) => {
  const clock = createManualClock();
  const limits = createCallerLimits(clock);
  for (let at = 0; at < 2_000; at += 1) limits.issue({ spiffeId: webId });
  t.true(isLimited(() => limits.issue({ spiffeId: webId })));
  t.false(isLimited(() => limits.issue({ spiffeId: API })));
  t.false(
    isLimited(() => limits.issue({ tokenId: webId })),
    'a token that is called like it',
  );
  await clock.advance(1_000);
  t.false(isLimited(() => limits.issue({ spiffeId: webId })));
});

test('operators are bounded', (t) => {
  const limits = createCallerLimits(createManualClock());
  for (let at = 0; at < 1_000; at += 1) limits.operator('admin');
  t.true(isLimited(() => limits.operator('admin')));
});

test('wrong tokens are charged to the /48 or the IPv4 address that they come from', async (t) => {
  const clock = createManualClock();
  const limits = createCallerLimits(clock);
  for (let at = 0; at < 20; at += 1) {
    t.is(limits.wrongToken(`2001:db8:1:${at.toString(16)}::1`, WRONG), WRONG);
    t.is(limits.wrongToken(at % 2 === 0 ? '10.0.0.1' : '::ffff:10.0.0.1', WRONG), WRONG);
  }
  for (const same of ['2001:db8:1::ff', '10.0.0.1', '::ffff:a00:1']) {
    t.true(limits.wrongToken(same, WRONG) instanceof RateLimited, same);
  }
  for (const other of ['2001:db8:2::1', '10.0.0.2']) {
    t.is(limits.wrongToken(other, WRONG), WRONG, other);
  }
  await clock.advance(2_000);
  t.is(limits.wrongToken('10.0.0.1', WRONG), WRONG);
});

test('who is refused waits the longer the further jitter puts him off, and never less', (t) => {
  const waits = [0, 0.5, 0.99].map((random) => new RateLimited('calls', 1_000, () => random));
  t.deepEqual(
    waits.map(({ retryAfterMs }) => retryAfterMs),
    [1_000, 1_250, 1_495],
  );
});

test('25 wrong tokens from one address do not keep a right one from there out', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  const good = await cp.token();
  const bad = `${good.slice(0, -5)}aaaaa`;
  const errors: (RpcError | undefined)[] = [];
  for (let at = 0; at < 25; at += 1) {
    errors.push(await t.throwsAsync(cp.issue({ joinToken: bad }), { instanceOf: RpcError }));
  }
  t.deepEqual(new Set(errors.slice(0, 20).map((error) => error?.code)), new Set(['token-unknown']));
  t.deepEqual(new Set(errors.slice(20).map((error) => error?.code)), new Set(['rate-limited']));
  const retryAfterMs = errors[20]?.retryAfterMs ?? 0;
  t.true(retryAfterMs >= 2_000 && retryAfterMs <= 3_000, `told to wait ${retryAfterMs} ms`);
  t.regex(errors[20]?.hint ?? '', /^try again in \d s$/);

  await t.notThrowsAsync(cp.issue({ joinToken: good }));
  await t.notThrowsAsync(cp.issue({}, web), 'a certificate proves itself, too');
  await cp.admin.revokeToken(parseJoinToken(good).id);
  const revoked = await t.throwsAsync(cp.issue({ joinToken: good }), { instanceOf: RpcError });
  t.is(revoked?.code, 'token-revoked', 'who knows the secret is told what is wrong with the token');
});

test('a stranger who types an identity uses nothing up of it', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  const joinToken = `${(await cp.token()).slice(0, -5)}aaaaa`;
  const stranger = cp.connect().client(IdentityClient);
  const csr = createCsr(generatePrivateKey());
  const refused = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = { csr, joinToken, spiffeId: webId, lifetimeSeconds: 0 };
      stranger.issue(request, (error) =>
        error === null ? reject(new Error('expected a refusal')) : resolve(),
      );
    });
  // More than an identity may have at once.
  for (let at = 0; at < 80; at += 1) await Promise.all(Array.from({ length: 32 }, refused));
  for (let at = 0; at < 10; at += 1) await t.notThrowsAsync(cp.issue({}, web));
});

test('endpoints that come or move are bounded for an identity, whatever they are called', async (t) => {
  const clock = createManualClock();
  const limits = createCallerLimits(clock);
  for (let at = 0; at < 1_000; at += 1) limits.endpoint(webId);
  t.true(isLimited(() => limits.endpoint(webId)));
  t.false(isLimited(() => limits.endpoint(API)));
  await clock.advance(500);
  t.false(isLimited(() => limits.endpoint(webId)));
});

test('messages of all sidecars of an identity are bounded by what they cost, and those of others are not', async (t) => {
  const clock = createManualClock();
  const limits = createCallerLimits(clock);
  const { messages } = limits;
  for (let at = 0; at < 40; at += 1) {
    t.false(isLimited(() => messages.admit(webId)));
    messages.charge(webId, 321);
  }
  t.true(
    isLimited(() => messages.admit(webId)),
    'forty of 160,000 items',
  );
  t.false(isLimited(() => messages.admit(API)));
  await clock.advance(1_000);
  t.false(isLimited(() => messages.admit(webId)));
  for (let at = 0; at < 10_000; at += 1) messages.charge(API, 1);
  t.false(
    isLimited(() => messages.admit(API)),
    'ten acknowledgements of a thousand sidecars',
  );
});

test('what a caller may write is divided between the control planes that are there', (t) => {
  const controlPlanes = { count: 2 };
  const limits = createCallerLimits(createManualClock(), controlPlanes);
  for (let at = 0; at < 1_000; at += 1) limits.issue({ spiffeId: webId });
  t.true(isLimited(() => limits.issue({ spiffeId: webId })));
  controlPlanes.count = 1;
  for (let at = 0; at < 2_000; at += 1) limits.issue({ spiffeId: API });
  t.true(isLimited(() => limits.issue({ spiffeId: API })));
});
