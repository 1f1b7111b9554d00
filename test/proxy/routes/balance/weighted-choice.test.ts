import test from 'ava';
import { chooseByWeight } from '../../../../proxy/routes/balance/weighted-choice.ts';
import { createRandom } from '../../../helpers/random.ts';

const random = createRandom(11);
const draw = (): number => random(1_000_000) / 1_000_000;

test('shares are as the weights say, the last and the first alike', (t) => {
  const choices = [
    { name: 'stable', weight: 90 },
    { name: 'none', weight: 0 },
    { name: 'canary', weight: 10 },
  ];
  const counts = { stable: 0, none: 0, canary: 0 } as Record<string, number>;
  for (let at = 0; at < 20_000; at += 1) {
    const { name = '' } = chooseByWeight(choices, draw) ?? {};
    counts[name] = (counts[name] ?? 0) + 1;
  }
  t.is(counts['none'], 0);
  t.true(Math.abs((counts['canary'] ?? 0) - 2_000) < 200, JSON.stringify(counts));
});

test('the edges of the draw', (t) => {
  const choices = [{ weight: 1 }, { weight: 3 }];
  t.is(
    chooseByWeight(choices, () => 0),
    choices[0],
  );
  t.is(
    chooseByWeight(choices, () => 0.25),
    choices[1],
  );
  t.is(
    chooseByWeight(choices, () => 1 - Number.EPSILON),
    choices[1],
  );
});

test('weights that add up to nothing take nothing', (t) => {
  t.is(chooseByWeight([], draw), undefined);
  t.is(chooseByWeight([{ weight: 0 }], draw), undefined);
  t.is(chooseByWeight([{ weight: 0 }, { weight: 0 }], draw), undefined);
});
