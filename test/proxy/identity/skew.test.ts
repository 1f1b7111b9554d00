import test from 'ava';
import { momentOf } from '../../../common/dates.ts';
import { skewHint, skewOf, skewProblem } from '../../../proxy/identity/skew.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/test-authority.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const authority = createTestAuthority();

/** An identity for an hour that a control plane issued whose clock is so far from ours. */
function issuedBy(skewMs: number) {
  const { chain } = authority.workload('shop', 'web');
  const lifetimeMs = HOUR_MS;
  const serverTimeMs = chain[0].validToDate.getTime() - lifetimeMs;
  const clock = createManualClock(serverTimeMs - skewMs);
  return { clock, identity: { chain, lifetimeMs, received: momentOf(clock) } };
}

for (const skewMs of [-2 * HOUR_MS, -30_000, 0, 30_000, 30 * MINUTE_MS]) {
  test(`a control plane whose clock is ${skewMs} ms from ours is known to be, however time passes`, async (t) => {
    const { clock, identity } = issuedBy(skewMs);
    t.is(skewOf(identity, clock), skewMs);
    await clock.advance(20 * MINUTE_MS);
    t.is(skewOf(identity, clock), skewMs);
    clock.step(-HOUR_MS);
    t.is(skewOf(identity, clock), skewMs + HOUR_MS);
  });
}

const CASES: [skewMs: number, problem: RegExp | undefined, hint: RegExp][] = [
  [0, undefined, /^$/],
  [-MINUTE_MS, undefined, /^$/],
  [5 * MINUTE_MS, undefined, /^, or this host's clock is 300 s behind the control plane's$/],
  [5.5 * MINUTE_MS + 1, /330 s behind .* not valid here yet .*set the clock/, /330 s behind/],
  [-19 * MINUTE_MS, undefined, /1140 s ahead of/],
  [-20 * MINUTE_MS, /1200 s ahead of .* expire here before .*set the clock/, /1200 s ahead/],
];

for (const [skewMs, problem, hint] of CASES) {
  test(`${skewMs / 1000} s ${problem === undefined ? 'break nothing' : 'are a problem'}`, (t) => {
    const { clock, identity } = issuedBy(skewMs);
    const found = skewProblem(identity, clock);
    if (problem === undefined) t.is(found, undefined);
    else t.regex(found ?? '', problem);
    t.regex(skewHint(identity, clock), hint);
  });
}
