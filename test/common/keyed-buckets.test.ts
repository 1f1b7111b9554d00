import test from 'ava';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

test('each key has a bucket of its own', async (t) => {
  const clock = createManualClock();
  const buckets = new KeyedBuckets(clock, { burst: 1, perSecond: 1 });
  t.deepEqual([buckets.take('a'), buckets.take('a'), buckets.take('b')], [true, false, true]);
  t.is(buckets.retryAfterMs('a'), 1_000);
  t.is(buckets.retryAfterMs('never seen'), 0);
  t.is(buckets.left('never seen'), 1);
  await clock.advance(1_000);
  t.true(buckets.take('a'));
});

test('a full table forgets first what nobody notices, and never what the greedy owe', async (t) => {
  const clock = createManualClock();
  const buckets = new KeyedBuckets(clock, { burst: 4, perSecond: 1 }, 100);
  const spend = (key: string): void => {
    while (buckets.take(key));
  };
  for (let at = 0; at < 100; at += 1) buckets.take(`full again ${at}`);
  await clock.advance(1_000);
  spend('greedy');
  t.is(buckets.size, 1, 'all buckets that were full again are gone');

  // Many names that take a little each, as from the addresses of one network.
  for (let at = 0; at < 1_000; at += 1) {
    buckets.take(`name ${at}`);
    t.true(buckets.size <= 100);
  }
  t.false(buckets.take('greedy'));
  t.true(buckets.take('honest'));
  t.is(buckets.left('honest'), 3);
});

test('a table that is full of the greedy still has room for another', (t) => {
  const buckets = new KeyedBuckets(createManualClock(), { burst: 1, perSecond: 1 }, 100);
  for (let at = 0; at < 1_000; at += 1) buckets.take(`name ${at}`);
  t.true(buckets.take('honest'));
  t.true(buckets.size <= 100);
});
