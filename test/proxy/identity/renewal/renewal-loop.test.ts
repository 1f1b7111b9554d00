import test from 'ava';
import { momentOf } from '../../../../common/dates.ts';
import { startRenewalLoop } from '../../../../proxy/identity/renewal/renewal-loop.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const LIFETIME_MS = 3_600_000;

for (const [what, broken] of [
  ['the renewal', 'renew'],
  ['scheduling the next one', 'delayMs'],
] as const) {
  test(`what ${what} throws does not end the renewals`, async (t) => {
    const clock = createManualClock();
    const authority = createTestAuthority();
    const { spiffeId, privateKey, chain } = authority.workload('shop', 'web');
    const received = momentOf(clock);
    const { bundle } = authority;
    const identity = { spiffeId, privateKey, chain, bundle, received, lifetimeMs: LIFETIME_MS };
    let isBroken = false;
    const breaks = (place: 'renew' | 'delayMs'): void => {
      if (!isBroken || place !== broken) return;
      isBroken = false;
      throw new Error('broken');
    };
    let renewals = 0;
    const failures: unknown[] = [];
    const loop = startRenewalLoop({
      clock,
      random: () => 0.5,
      delayMs() {
        breaks('delayMs');
        return 1_000;
      },
      current: () => identity,
      isUseless: () => false,
      renew() {
        breaks('renew');
        renewals += 1;
        return Promise.resolve();
      },
      onFailure: (error) => failures.push(error),
      onScheduled: () => {},
    });
    isBroken = true;
    await clock.advance(1_000);
    t.is(loop.state.kind, 'backing-off');
    t.is(failures.length, 1);
    const before = renewals;
    await clock.advance(LIFETIME_MS / 2);
    t.true(renewals > before);
    loop.stop();
  });
}
