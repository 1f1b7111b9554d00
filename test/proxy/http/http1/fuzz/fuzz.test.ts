// Tens of thousands of requests and responses, damaged at random: see `fuzz`. A failure names its seed.
import test from 'ava';
import { fuzz } from './fuzz.ts';

const CASES = 20_000;

test('whatever comes is read in the same way in all pieces, and passed on as what it was', async (t) => {
  const { outcomes, failures } = await fuzz(CASES, 1);
  t.deepEqual(failures.slice(0, 3), []);
  for (const outcome of ['1 requests', '3 requests', 'refused malformed 400', 'malformed']) {
    t.true(
      (outcomes[outcome] ?? 0) > CASES / 200,
      `${outcome} is met: ${JSON.stringify(outcomes)}`,
    );
  }
});
