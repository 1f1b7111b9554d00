import test from 'ava';
import { plusMs } from '../../../common/clock.ts';
import { momentOf } from '../../../common/dates.ts';
import { createSkewWatch, skewHint, skewOf, skewProblem } from '../../../proxy/identity/skew.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

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

test('what the control plane tells between two certificates is believed, and named when it is news', async (t) => {
  const { clock, identity } = issuedBy(0);
  const log = createLogRecorder();
  let current = identity;
  const watch = createSkewWatch(log.logger, clock, () => current);
  const said = (event: string): unknown[] =>
    log.of(event).map(({ level, skewMs }) => [level, skewMs]);
  watch.told(plusMs(clock.epochMs(), 59_000));
  t.is(watch.skewMs(), 59_000);
  t.deepEqual(said('clock-skew'), [], 'a minute is normal');

  watch.told(plusMs(clock.epochMs(), 2 * MINUTE_MS));
  await clock.advance(MINUTE_MS / 2);
  watch.told(plusMs(clock.epochMs(), 2 * MINUTE_MS));
  t.deepEqual(said('clock-skew'), [[40, 2 * MINUTE_MS]], 'once');
  watch.told(plusMs(clock.epochMs(), HOUR_MS));
  t.deepEqual(said('clock-skew')[1], [50, HOUR_MS]);
  t.is(skewProblem(identity, clock), undefined, 'the certificate is as good as before');
  clock.step(HOUR_MS);
  t.is(watch.skewMs(), 0);
  watch.told(clock.epochMs());
  t.deepEqual(said('clock-agrees'), [[30, 0]]);

  await clock.advance(MINUTE_MS);
  const { identity: renewed } = issuedBy(0);
  current = { ...renewed, received: momentOf(clock) };
  t.is(watch.skewMs(), skewOf(current, clock), 'by what was told last');
});
