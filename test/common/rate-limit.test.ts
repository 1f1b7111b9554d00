import test from 'ava';
import { createLogLimit, createRateLimit, TokenBucket } from '../../common/rate-limit.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

test('a bucket allows a burst, and a steady rate after it', async (t) => {
  const clock = createManualClock();
  const bucket = new TokenBucket(clock, { burst: 2, perSecond: 4 });
  t.true(bucket.isFull);
  t.deepEqual([bucket.take(), bucket.take(), bucket.take()], [true, true, false]);
  t.is(bucket.retryAfterMs, 250);
  await clock.advance(100);
  t.is(bucket.retryAfterMs, 150);
  await clock.advance(150);
  t.is(bucket.retryAfterMs, 0);
  t.deepEqual([bucket.take(), bucket.take()], [true, false], 'a refusal costs nothing');
  await clock.advance(3_600_000);
  t.true(bucket.isFull);
  t.deepEqual([bucket.take(), bucket.take(), bucket.take()], [true, true, false], 'never more');
});

test('a wall clock that is set back or forward neither shuts a gate nor opens it', async (t) => {
  const clock = createManualClock();
  const mayPass = createRateLimit(clock, { burst: 1, perSecond: 1 });
  t.true(mayPass());
  for (const hours of [-48, 96]) {
    clock.step(hours * 3_600_000);
    t.false(mayPass());
    await clock.advance(1_000);
    t.true(mayPass());
  }
});

test('what is given back can be taken again, and never more than the burst', (t) => {
  const bucket = new TokenBucket(createManualClock(), { burst: 2, perSecond: 1 });
  bucket.take();
  bucket.give(5);
  t.is(bucket.left, 2);
});

test('a flood of log lines is cut off, and one a while later is seen', async (t) => {
  const clock = createManualClock();
  const mayLog = createLogLimit(clock);
  t.is(Array.from({ length: 1_000 }, mayLog).filter(Boolean).length, 100);
  await clock.advance(1_000);
  t.is(Array.from({ length: 1_000 }, mayLog).filter(Boolean).length, 20);
});
