import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import type { MonotonicMs } from '../../../../common/clock.ts';
import { DeadlineQueue, type Expiring } from '../../../../proxy/http/forward/deadlines.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

class Waiting implements Expiring {
  sinceMs = 0 as MonotonicMs;
  queuePlace = -1;
  expiries = 0;
  /** What a request holds on to. */
  readonly payload = Array.from({ length: 100 }, (_, at) => ({ at }));

  expired(): void {
    this.expiries += 1;
  }
}

function waitings(count: number): [Waiting, Waiting, Waiting, ...Waiting[]] {
  return Array.from({ length: count }, () => new Waiting()) as [Waiting, Waiting, Waiting];
}

test('who has left, in whatever order, does not expire; who stays does, once', async (t) => {
  const clock = createManualClock();
  const queue = new DeadlineQueue(clock, 1_000);
  const all = waitings(5);
  for (const one of all) queue.add(one);
  for (const at of [0, 4, 1, 0]) queue.delete(all[at] ?? all[0]);
  await clock.advance(3_000);
  t.deepEqual(
    all.map(({ expiries }) => expiries),
    [0, 0, 1, 1, 0],
  );
});

test('who is added again waits once, from then on', async (t) => {
  const clock = createManualClock();
  const queue = new DeadlineQueue(clock, 1_000);
  const [one, other] = waitings(2);
  queue.add(one);
  queue.add(other);
  await clock.advance(600);
  queue.add(one);
  await clock.advance(600);
  t.deepEqual([one.expiries, other.expiries], [0, 1]);
  await clock.advance(600);
  t.deepEqual([one.expiries, other.expiries], [1, 1]);
});

test('another queue than the one that somebody waits in cannot take him out', async (t) => {
  const clock = createManualClock();
  const [here, there] = [new DeadlineQueue(clock, 1_000), new DeadlineQueue(clock, 2_000)];
  const [one, other] = waitings(2);
  here.add(one);
  there.add(other);
  there.delete(one);
  await clock.advance(1_000);
  t.deepEqual([one.expiries, other.expiries], [1, 0]);
});

test('what has left is collected with what is young, however old the queue is', (t) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  const collect = (): void => gc({ type: 'minor' });
  const queue = new DeadlineQueue(createManualClock(), 1_000);
  const open: Waiting[] = [];
  const pass = (rounds: number): void => {
    for (let round = 0; round < rounds; round += 1) {
      const one = new Waiting();
      queue.add(one);
      open.push(one);
      const gone = open.length > 8 ? open.shift() : undefined;
      if (gone !== undefined) queue.delete(gone);
      if (round % 50 === 0) collect();
    }
  };
  pass(500);
  // What is open now, and what the queue keeps it in, grows old.
  for (let times = 0; times < 3; times += 1) collect();
  const before = oldBytes();
  pass(10_000);
  t.true(oldBytes() - before < 500_000, `${oldBytes() - before} bytes have grown old`);
});

function oldBytes(): number {
  const old = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space');
  return old?.space_used_size ?? Number.NaN;
}
