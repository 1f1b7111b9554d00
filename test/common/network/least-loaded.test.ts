import test from 'ava';
import { leastLoadedOfTwo } from '../../../common/network/least-loaded.ts';
import { createRandom } from '../../helpers/random.ts';

const random = createRandom(7);
const draw = (): number => random(1_000_000) / 1_000_000;

test('nothing to choose from, and nothing to choose', (t) => {
  t.is(
    leastLoadedOfTwo([], () => 0, draw),
    undefined,
  );
  t.is(
    leastLoadedOfTwo(['a'], () => 9, draw),
    'a',
  );
});

test('the most loaded of three is never chosen, and equals share evenly', (t) => {
  const load = new Map([
    ['a', 3],
    ['b', 1],
    ['c', 1],
  ]);
  const counts = new Map<string, number>();
  for (let at = 0; at < 3_000; at += 1) {
    const chosen = leastLoadedOfTwo([...load.keys()], (name) => load.get(name) ?? 0, draw) ?? '';
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  t.is(counts.get('a'), undefined);
  t.true(Math.abs((counts.get('b') ?? 0) - 1_500) < 150);
});
