import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import type { Holder } from '../../../proxy/http2/holding-list.ts';

/** Holders with a name, and the names of those who had to give up. */
function holders(...names: readonly string[]) {
  const shed: string[] = [];
  const make = (name: string): Holder => ({ shed: () => void shed.push(name) });
  return { shed, all: names.map(make) as [Holder, Holder, Holder] };
}

test('the one without progress for the longest time gives up, and nobody else', (t) => {
  const budget = new MemoryBudget(100);
  const { shed, all } = holders('a', 'b', 'c');
  const [a, b, c] = all;
  budget.set(a, 30);
  budget.set(b, 30);
  budget.set(c, 30);
  // More is no progress, less is.
  budget.set(b, 35);
  budget.set(a, 25);
  t.is(budget.totalBytes, 90);
  t.deepEqual(shed, []);
  budget.set(c, 50);
  t.deepEqual(shed, ['b']);
  t.is(budget.totalBytes, 75);
  t.is(budget.shedCount, 1);
  budget.set(c, 80);
  t.deepEqual(shed, ['b', 'c'], 'c has waited longer than a');
  t.is(budget.totalBytes, 25);
});

test('as many give up as it takes; one that is too large alone gives up itself', (t) => {
  const budget = new MemoryBudget(100);
  const { shed, all } = holders('a', 'b', 'c');
  const [a, b, c] = all;
  budget.set(a, 50);
  budget.set(b, 50);
  budget.set(c, 100);
  t.deepEqual(shed, ['a', 'b']);
  budget.set(c, 101);
  t.deepEqual(shed, ['a', 'b', 'c']);
  t.is(budget.totalBytes, 0);
});

test('the limit itself is allowed, and half of it is where windows stop growing', (t) => {
  const budget = new MemoryBudget(100);
  const { shed, all } = holders('a', 'b', 'c');
  budget.set(all[0], 49);
  t.true(budget.isRoomy);
  budget.set(all[0], 50);
  t.false(budget.isRoomy);
  budget.set(all[1], 50);
  t.deepEqual(shed, []);
  budget.set(all[0], 0);
  budget.set(all[1], 0);
  t.is(budget.totalBytes, 0);
  t.true(budget.isRoomy);
});

test('who gives up may set itself to nothing again, and others with it', (t) => {
  const budget = new MemoryBudget(10);
  const { all } = holders('a', 'b', 'c');
  const selfish: Holder = {
    shed() {
      budget.set(selfish, 0);
      budget.set(all[0], 0);
    },
  };
  budget.set(selfish, 5);
  budget.set(all[0], 5);
  budget.set(all[1], 5);
  t.is(budget.totalBytes, 5);
  t.is(budget.shedCount, 1);
});

test('the owner who holds the most pays, however long others have been waiting', (t) => {
  const budget = new MemoryBudget(100);
  const shed: string[] = [];
  const make = (owner: string, name: string): Holder => ({
    owner,
    shed: () => void shed.push(name),
  });
  const honest = make('honest', 'honest');
  const greedy = Array.from({ length: 10 }, (_, at) => make('greedy', `greedy ${at}`));
  budget.set(honest, 20);
  for (const holder of greedy.slice(0, 8)) budget.set(holder, 10);
  t.deepEqual(shed, []);
  for (const holder of greedy.slice(8)) budget.set(holder, 10);
  t.deepEqual(shed, ['greedy 0', 'greedy 1'], 'its own oldest');
  budget.set(honest, 45);
  t.deepEqual(shed.slice(2), ['greedy 2', 'greedy 3', 'greedy 4']);
  budget.set(honest, 60);
  t.deepEqual(shed.slice(5), ['honest'], 'who holds more than half pays for itself');
  for (const holder of greedy) budget.set(holder, 0);
  t.is(budget.totalBytes, 0);
});

test('the account stays right while owners come and go by the thousand', (t) => {
  const budget = new MemoryBudget(100_000);
  const all = Array.from({ length: 2_000 }, (_, at) => ({ owner: `owner ${at}`, shed() {} }));
  for (const holder of all) budget.set(holder, 1);
  for (const holder of all) budget.set(holder, 0);
  t.is(budget.totalBytes, 0);
  const again = { owner: 'owner 1999', shed: () => t.pass() };
  budget.set(again, 100_001);
  t.is(budget.totalBytes, 0);
});

test('who holds something for a moment is collected with what is young, however old the budget is', (t) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  const collect = (): void => gc({ type: 'minor' });
  const budget = new MemoryBudget(1_000_000);
  const open: Holder[] = [];
  const pass = (rounds: number): void => {
    for (let round = 0; round < rounds; round += 1) {
      const payload = Array.from({ length: 100 }, (_, at) => ({ at }));
      const one: Holder = { owner: 'a', shed: () => void payload.pop() };
      budget.set(one, 10);
      open.push(one);
      const gone = open.length > 8 ? open.shift() : undefined;
      if (gone !== undefined) budget.set(gone, 0);
      if (round % 50 === 0) collect();
    }
  };
  pass(500);
  for (let times = 0; times < 3; times += 1) collect();
  const before = oldBytes();
  pass(10_000);
  t.true(oldBytes() - before < 500_000, `${oldBytes() - before} bytes have grown old`);
});

function oldBytes(): number {
  const old = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space');
  return old?.space_used_size ?? Number.NaN;
}
