/** What is counted of a connection, by tables; however its bytes are cut, and whichever side has dialled. */
import test from 'ava';
import { createRandom } from '../../../helpers/random.ts';
import type { Case } from './case.ts';
import { HTTP1_CASES } from './http1-cases.ts';
import { HTTP2_CASES } from './http2-cases.ts';
import { observe, randomCut, type Observed } from './observe.ts';
import { TCP_CASES } from './tcp-cases.ts';

const RANDOM_CUTS = 40;

function check({ requests, failure, left, ...one }: Case, protocol: string) {
  return (seen: Observed) => ({
    seen: {
      requests: seen.requests,
      detected: seen.detected,
      failures: seen.failures,
      left: seen.left,
      thrown: seen.thrown,
      keptBytes: seen.keptBytes,
    },
    expected: {
      requests,
      detected: [one.detected ?? protocol],
      failures: failure === undefined ? [] : [failure],
      left: left === true || failure !== undefined,
      thrown: [],
      keptBytes: 0,
    },
  });
}

for (const [protocol, cases] of [
  ['http1', HTTP1_CASES],
  ['http2', HTTP2_CASES],
  ['tcp', TCP_CASES],
] as const) {
  for (const one of cases) {
    test(`${protocol}: ${one.title}`, (t) => {
      const compare = (seen: Observed, how: string): void => {
        const { seen: got, expected } = check(one, protocol)(seen);
        t.deepEqual(got, expected, how);
      };
      compare(observe(one.steps), 'whole');
      compare(observe(one.steps, undefined, 'inbound'), 'inbound');
      compare(
        observe(one.steps, () => 1),
        'byte by byte',
      );
      for (let seed = 0; seed < RANDOM_CUTS; seed += 1) {
        compare(observe(one.steps, randomCut(createRandom(seed))), `seed ${seed}`);
      }
    });
  }
}

test('heads that do not come to an end take a bounded memory, each and all together', (t) => {
  const { mostKeptBytes } = observe(
    [['client', `GET / HTTP/1.1\r\n${'x'.repeat(65_000)}`]],
    () => 1_000,
  );
  t.true(mostKeptBytes > 65_000 && mostKeptBytes <= 65_536 + 8_192, String(mostKeptBytes));
});
