/** What one caller can make the control plane do has a bound, and nobody can keep another one out by it. */
import test from 'ava';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { createIssueLimits } from '../../../control-plane/api/issue-limits.ts';
import { KeyedBuckets } from '../../../control-plane/api/keyed-buckets.ts';
import { RequestError } from '../../../control-plane/api/request-error.ts';
import { startControlPlaneUnderTest } from '../control-plane-under-test.ts';

const [WEB, API] = ['spiffe://mesh.local/ns/shop/sa/web', 'spiffe://mesh.local/ns/shop/sa/api'];

function limitsAt() {
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const limits = createIssueLimits(clock);
  const isLimited = (action: () => void): boolean => {
    try {
      action();
      return false;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return error.code === 'rate-limited';
    }
  };
  return { clock, limits, isLimited };
}

test('requests are bounded for an identity, and for an address', (t) => {
  const { clock, limits, isLimited } = limitsAt();
  for (let at = 0; at < 2000; at += 1) limits.request(WEB, `10.0.${at % 100}.1`);
  t.true(isLimited(() => limits.request(WEB, '10.9.0.1')));
  t.false(isLimited(() => limits.request(API, '10.9.0.1')));
  clock.nowMs += 1000;
  t.false(
    isLimited(() => limits.request(WEB, '10.9.0.1')),
    'a second later some more',
  );

  for (let at = 0; at < 2000; at += 1) {
    t.false(isLimited(() => limits.request(`${API}-${at}`, `2001:db8:0:1:${at.toString(16)}::1`)));
  }
  t.true(
    isLimited(() => limits.request('other', '2001:db8:0:1::ff')),
    'the same /64',
  );
  t.false(isLimited(() => limits.request('other', '2001:db8:0:2::ff')));
});

test('wrong tokens are bounded, and keep out only whoever sent some', (t) => {
  const { clock, limits, isLimited } = limitsAt();
  for (let at = 0; at < 20; at += 1) limits.wrongToken(WEB, '10.0.0.1');
  t.true(isLimited(() => limits.token(WEB, '10.0.0.1')));
  t.true(isLimited(() => limits.token(API, '10.0.0.1')));
  t.false(
    isLimited(() => limits.token(WEB, '10.0.0.2')),
    'an innocent address may enrol',
  );
  limits.wrongToken(API, '10.0.0.2');
  t.true(
    isLimited(() => limits.token(WEB, '10.0.0.2')),
    'one that guesses may not join in',
  );
  t.false(isLimited(() => limits.token(API, '10.0.0.2')));
  clock.nowMs += 10_000;
  t.false(isLimited(() => limits.token(WEB, '10.0.0.1')));
});

test('buckets of keys that were used longest ago are forgotten', (t) => {
  const buckets = new KeyedBuckets({ now: () => 0 }, { burst: 1, perSecond: 0 });
  t.true(buckets.take('first'));
  t.false(buckets.take('first'));
  for (let at = 0; at < 10_000; at += 1) buckets.take(`key-${at}`);
  t.is(buckets.left('first'), 1);
  t.is(buckets.left('key-9999'), 0);
});

test('who guesses tokens is told to wait, and a sidecar with a certificate renews beside it', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  const good = await cp.token();
  const codes: (string | undefined)[] = [];
  for (let at = 0; at < 21; at += 1) {
    const bad = `${good.slice(0, -5)}aaaaa`;
    const error = await t.throwsAsync(cp.issue({ joinToken: bad }), { instanceOf: RpcError });
    codes.push(error?.code);
  }
  t.deepEqual(new Set(codes.slice(0, 20)), new Set(['token-unknown']));
  t.is(codes[20], 'rate-limited');
  await t.notThrowsAsync(cp.issue({}, web));
  await cp.clock.advance(10_000);
  await t.notThrowsAsync(cp.issue({ joinToken: good }));
});
