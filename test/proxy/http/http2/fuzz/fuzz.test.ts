// Whatever comes, each message ends once and never whole where it was cut, the connection ends with a code of RFC 9113
// or goes on, and nothing is held behind it.
import test from 'ava';
import { fuzz } from './fuzz.ts';

const CASES = 6_000;

test(`${CASES} damaged connections with requests and responses`, async (t) => {
  const { failures, outcomes, messages } = await fuzz(CASES);
  t.deepEqual(failures.slice(0, 20), []);
  for (const code of ['none', '1', '5', '6', '9']) {
    t.true((outcomes[code] ?? 0) > 0, `${code} never happened: ${JSON.stringify(outcomes)}`);
  }
  t.true(messages > CASES, 'most of what came was understood');
});
