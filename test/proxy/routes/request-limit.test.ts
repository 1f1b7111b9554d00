import test from 'ava';
import { RequestLimit } from '../../../proxy/routes/request-limit.ts';

function named(name: string, told: string[]) {
  return { admitted: () => void told.push(name) };
}

test('so many at a time, so many wait in order, and no more', (t) => {
  const told: string[] = [];
  const limit = new RequestLimit({ maxConcurrent: 1, maxPending: 2 });
  const outcomes = ['a', 'b', 'c', 'd'].map((name) => limit.enter(named(name, told)));
  t.deepEqual(outcomes, ['admitted', 'pending', 'pending', 'refused']);
  limit.leave();
  t.deepEqual(told, ['b']);
  t.deepEqual([limit.active, limit.pending], [1, 1]);
  limit.leave();
  limit.leave();
  t.deepEqual(told, ['b', 'c']);
  t.deepEqual([limit.active, limit.pending], [0, 0]);
});

test('one that gives up while it waits loses its turn, and makes room', (t) => {
  const told: string[] = [];
  const limit = new RequestLimit({ maxConcurrent: 1, maxPending: 1 });
  const b = named('b', told);
  limit.enter(named('a', told));
  limit.enter(b);
  limit.withdraw(b);
  t.is(limit.enter(named('c', told)), 'pending');
  limit.leave();
  t.deepEqual(told, ['c']);
});

test('nothing may wait', (t) => {
  const limit = new RequestLimit({ maxConcurrent: 1, maxPending: 0 });
  t.is(limit.enter(named('a', [])), 'admitted');
  t.is(limit.enter(named('b', [])), 'refused');
});
