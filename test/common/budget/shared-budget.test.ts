import test from 'ava';
import { SharedBudget } from '../../../common/budget/shared-budget.ts';

const half = (holder: string) => ({ holder, fraction: 1 / 2 });

/** Takes until it is refused; returns how many there were, and why there were no more. */
function takeAll(budget: SharedBudget, share: { holder: string; fraction: number }) {
  for (let count = 0; ; count += 1) {
    const denial = budget.take(share);
    if (denial !== undefined) return { count, denial };
  }
}

test('a greedy holder gets half, and the next one half of what is left; a tenth is for others', (t) => {
  const budget = new SharedBudget(110);
  t.deepEqual(takeAll(budget, half('a')), { count: 49, denial: 'share-used-up' });
  t.deepEqual(takeAll(budget, half('b')), { count: 25, denial: 'share-used-up' });
  t.is(budget.used, 74);
  t.is(budget.take(half('c')), undefined, 'whoever comes later finds room');
  t.is(budget.mostFor(half('a')), 36, 'who has more than is left to it now gets no more');
  t.is(budget.take(half('a')), 'share-used-up');
});

test('what was given back can be taken again, by others too', (t) => {
  const budget = new SharedBudget(16);
  t.is(takeAll(budget, half('a')).count, 4);
  budget.give(half('a'));
  t.is(budget.heldBy('a'), 3);
  t.is(budget.take(half('b')), undefined);
  for (let given = 0; given < 5; given += 1) budget.give(half('a'));
  t.is(budget.heldBy('a'), 0, 'giving what was not taken changes nothing');
  t.is(budget.used, 1);
});

test('with the whole for a fraction, only the end of it is a bound', (t) => {
  const budget = new SharedBudget(10);
  budget.take(half('a'));
  const denied = takeAll(budget, { holder: 'tunnels', fraction: 1 });
  t.deepEqual(denied, { count: 9, denial: 'used-up' });
  t.is(budget.take(half('b')), 'used-up');
});

test('a budget that shrank hands out nothing until there is room again', (t) => {
  const budget = new SharedBudget(10);
  takeAll(budget, { holder: 'a', fraction: 1 });
  budget.resize(4);
  t.is(budget.take(half('b')), 'used-up');
  for (let given = 0; given < 8; given += 1) budget.give({ holder: 'a', fraction: 1 });
  t.is(budget.take(half('b')), undefined);
});

test('however many greedy holders there are, one more gets something', (t) => {
  const budget = new SharedBudget(1_000);
  for (let peer = 0; peer < 20; peer += 1) {
    for (let round = 0; round < 10; round += 1) takeAll(budget, half(`greedy ${peer}`));
  }
  t.true(takeAll(budget, half('honest')).count >= 4);
});
