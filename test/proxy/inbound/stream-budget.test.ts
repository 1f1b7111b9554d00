import test from 'ava';
import { DescriptorBudget } from '../../../common/budget/descriptors.ts';
import { PortBudget } from '../../../common/budget/ports.ts';
import { TUNNELS_SHARE } from '../../../common/budget/shared-budget.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { KeyedBuckets } from '../../../common/keyed-buckets.ts';
import { claimStream, streamRate, type StreamClaim } from '../../../proxy/inbound/stream-budget.ts';

const APP = { address: '127.0.0.1', port: 8080 };

/** Budgets of 1,000 descriptors and so many ports. */
function budgetsOf(ports: number) {
  const descriptors = new DescriptorBudget({
    limit: 1_094,
    heapBytes: 2 ** 31,
    countOpen: () => 26,
  });
  descriptors.calibrate();
  return { descriptors, ports: new PortBudget(ports), opened: { take: () => true } };
}

function claimAll(peer: string, budgets: ReturnType<typeof budgetsOf>) {
  const claims: StreamClaim[] = [];
  for (;;) {
    const claim = claimStream(peer, APP, budgets);
    if (claim.kind === 'denied') return { claims, reason: claim.reason, why: claim.why };
    claims.push(claim);
  }
}

test('a greedy peer leaves descriptors for others, and gets its share again when it lets go', (t) => {
  const budgets = budgetsOf(28_232);
  const { claims, reason, why } = claimAll('greedy', budgets);
  t.is(reason, 'peer-limit');
  t.regex(why, /^it has its share of the \d+ descriptors for connections$/);
  t.true(claims.length * 2 <= budgets.descriptors.capacity, `${claims.length}`);
  t.is(claimStream('honest', APP, budgets).kind, 'claim');
  for (const claim of claims) claim.release();
  t.is(budgets.descriptors.used, 1);
  t.is(claimAll('greedy', budgets).claims.length, claims.length - 1);
});

test('a greedy peer leaves local ports for others, and counts as refused', (t) => {
  const budgets = budgetsOf(200);
  const { claims, reason, why } = claimAll('greedy', budgets);
  t.is(reason, 'peer-limit');
  t.is(why, 'it has its share of the 200 local ports to 127.0.0.1:8080');
  t.is(claims.length, 90);
  t.is(claimStream('honest', APP, budgets).kind, 'claim');
  t.is(budgets.descriptors.refused.get('peer-limit'), 1);
  const other = { ...APP, port: 8081 };
  t.is(claimStream('greedy', other, budgets).kind, 'claim', 'another port of the application');
});

test('ports that are used up, and descriptors that are used up, are told apart', (t) => {
  const few = budgetsOf(8);
  claimAll('a', few);
  claimAll('b', few);
  const denied = claimStream('c', APP, few);
  t.is(denied.kind === 'denied' && denied.reason, 'ports');
  const none = budgetsOf(28_232);
  while (none.descriptors.used < none.descriptors.capacity) none.descriptors.take(TUNNELS_SHARE);
  const refused = claimStream('a', APP, none);
  t.is(refused.kind === 'denied' && refused.reason, 'descriptors');
  none.descriptors.give(TUNNELS_SHARE);
  t.is(claimStream('a', APP, none).kind, 'claim', 'the port was given back');
});

test('a peer that opens and ends streams without a pause is slowed down, and others are not', async (t) => {
  const clock = createManualClock();
  const ports = new PortBudget(200);
  const opened = new KeyedBuckets(clock, streamRate(ports));
  const budgets = { ...budgetsOf(200), ports, opened };
  const churn = (peer: string): boolean => {
    const claim = claimStream(peer, APP, budgets);
    if (claim.kind === 'denied') return t.is(claim.reason, 'peer-rate') && false;
    claim.release();
    return true;
  };
  for (let count = 0; count < 100; count += 1) t.true(churn('greedy'));
  t.false(churn('greedy'));
  t.true(churn('honest'));
  // The wall clock is not asked.
  clock.step(-3_600_000);
  await clock.advance(500);
  for (let count = 0; count < 50; count += 1) t.true(churn('greedy'));
  t.false(churn('greedy'));
  t.is(budgets.descriptors.refused.get('peer-rate'), 2);
});
