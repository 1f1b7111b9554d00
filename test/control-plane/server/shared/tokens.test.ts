/** Two control planes on one store: a token is worth what it is worth once, over both, and limits hold over both. */
import test, { type ExecutionContext } from 'ava';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { openSharedStore, startControlPlaneUnderTest } from '../../control-plane-under-test.ts';

async function startPair(t: ExecutionContext) {
  const shared = await openSharedStore(t);
  const one = await startControlPlaneUnderTest(t, { shared });
  const two = await startControlPlaneUnderTest(t, { shared });
  return { shared, one, two };
}

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'issued';
  } catch (error) {
    return error instanceof RpcError ? error.code : String(error);
  }
}

test('a token that is shown to both at once is redeemed as often as it may be', async (t) => {
  const { one, two } = await startPair(t);
  const { joinToken } = await one.admin.createToken({
    namespace: 'shop',
    service: undefined,
    ttlSeconds: 3600,
    uses: 3,
  });
  const outcomes = await Promise.all(
    [one, two, one, two, one, two, one, two].map((cp) =>
      outcome(cp.enrolWith(joinToken, 'shop', 'web')),
    ),
  );
  t.is(outcomes.filter((each) => each === 'issued').length, 3, outcomes.join());
  t.true(
    outcomes.every((each) => each === 'issued' || each === 'token-used-up'),
    outcomes.join(),
  );
  const entries = await two.admin.listCertificates({
    limit: 100,
    namespace: 'shop',
    service: 'web',
  });
  t.is(entries.length, 3);
});

test('a token that is revoked at one is worth nothing at the other', async (t) => {
  const { one, two } = await startPair(t);
  const request = { namespace: 'shop', service: undefined, ttlSeconds: 3600, uses: 0 };
  const { joinToken, token } = await one.admin.createToken(request);
  t.is(await outcome(two.enrolWith(joinToken, 'shop', 'web')), 'issued');
  await one.admin.revokeToken(token.id);
  t.is(await outcome(two.enrolWith(joinToken, 'shop', 'web')), 'token-revoked');
});

test('who guesses tokens has no more guesses at two control planes than at one', async (t) => {
  const { shared, one, two } = await startPair(t);
  await eventually('both to know of each other', async () => {
    await shared.clock.advance(1_000);
    const [here, there] = await Promise.all([one.admin.status(), two.admin.status()]);
    return (here.controlPlanes.length === 2 && there.controlPlanes.length === 2) || undefined;
  });
  const wrong = (await one.token()).replace(/.{25}$/, 'x'.repeat(25));
  const outcomes: string[] = [];
  for (let at = 0; at < 24; at += 1) {
    for (const cp of [one, two]) outcomes.push(await outcome(cp.enrolWith(wrong, 'shop', 'web')));
  }
  const guesses = outcomes.filter((each) => each !== 'rate-limited');
  t.true(guesses.length >= 20 && guesses.length <= 22, outcomes.join());
  t.is(outcomes.at(-1), 'rate-limited');
});
