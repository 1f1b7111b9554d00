/**
 * Connections that are damaged, or made of anything: the observer never throws, keeps a bounded memory and none
 * afterwards, says once what the connection was, and says the same however the bytes are cut.
 */
import test from 'ava';
import { createRandom, type Random } from '../../../helpers/random.ts';
import { damageBytes, randomBytes } from '../../http2/fuzz/damage.ts';
import { HTTP1_CASES } from './http1-cases.ts';
import { HTTP2_CASES } from './http2-cases.ts';
import { observe, randomCut, type Step } from './observe.ts';
import { TCP_CASES } from './tcp-cases.ts';

/** A few seconds; `HAUBERK_FUZZ_CASES` runs more. */
const CASES = 20_000;

/** Two directions that keep the largest head each, and a frame and a header block of HTTP/2. */
const MAX_KEPT_BYTES = 4 * 65_536;

/** Pieces that mean something to a reader of HTTP/1. */
const WORDS = [
  'GET / HTTP/1.1\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: -1\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  '\r\n',
  '\n',
  '\r',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  'ffffffffffffff\r\n',
  ' ',
];

const ALL = [...HTTP1_CASES, ...HTTP2_CASES, ...TCP_CASES].filter(({ steps }) =>
  steps.every(([, bytes]) => (bytes?.length ?? 0) < 5_000),
);

function damage([side, bytes]: Step, random: Random): Step {
  if (bytes === undefined || random(3) > 0) return [side, bytes];
  const whole = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  if (random(4) === 0) return [side, Buffer.concat([whole, randomBytes(random, 40)])];
  if (random(3) > 0) return [side, damageBytes(whole, random)];
  const at = random(whole.length + 1);
  const word = Buffer.from(WORDS[random(WORDS.length)] ?? '', 'latin1');
  return [side, Buffer.concat([whole.subarray(0, at), word, whole.subarray(at)])];
}

function makeSteps(random: Random): Step[] {
  const steps = [...(ALL[random(ALL.length)]?.steps ?? [])];
  if (random(4) === 0) steps.push(...(ALL[random(ALL.length)]?.steps ?? []));
  if (random(6) === 0) steps.splice(random(steps.length + 1), 0, ['server', undefined]);
  return steps.map((step) => damage(step, random));
}

test('a damaged connection ends nothing, and is seen alike in whatever pieces it comes', (t) => {
  const count = Number(process.env['HAUBERK_FUZZ_CASES'] ?? CASES);
  const outcomes = { followed: 0, failed: 0, tcp: 0 };
  for (let seed = 0; seed < count; seed += 1) {
    const random = createRandom(seed);
    const steps = makeSteps(random);
    const whole = observe(steps);
    const cut = observe(steps, randomCut(random));
    for (const { thrown, keptBytes, mostKeptBytes, detected } of [whole, cut]) {
      if (thrown.length === 0 && keptBytes === 0 && detected.length === 1) {
        if (mostKeptBytes <= MAX_KEPT_BYTES) continue;
      }
      return t.fail(
        JSON.stringify({ thrown, keptBytes, mostKeptBytes, detected }) + ` seed ${seed}`,
      );
    }
    const told = ({ requests, detected, failures }: typeof whole): string =>
      JSON.stringify({ requests, detected, failures });
    if (told(whole) !== told(cut)) return t.is(told(cut), told(whole), `seed ${seed}`);
    if (whole.failures.length > 0) outcomes.failed += 1;
    else if (whole.detected[0] === 'tcp') outcomes.tcp += 1;
    else outcomes.followed += 1;
  }
  // All three ways are gone, or the damage is of the wrong size.
  return t.true(Math.min(...Object.values(outcomes)) > count / 50, JSON.stringify(outcomes));
});
