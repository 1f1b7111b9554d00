import test from 'ava';
import { Registry } from 'prom-client';
import {
  createAdmission,
  MAX_ADMITTING,
  RETURNING_SHARE,
  USUAL_MS,
} from '../../../../control-plane/api/sync/admission.ts';
import { RateLimited } from '../../../../control-plane/api/request-error.ts';
import { createControlPlaneMetrics } from '../../../../control-plane/metrics.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

function admissionUnderTest() {
  const [clock, log, registry] = [createManualClock(), createLogRecorder(), new Registry()];
  const metrics = createControlPlaneMetrics(registry);
  const admission = createAdmission({ clock, logger: log.logger, metrics });
  /** How long it asks to wait; 0 when it lets in. */
  const waitMs = (): number => {
    try {
      admission.enter();
      return 0;
    } catch (error) {
      if (error instanceof RateLimited) return error.retryAfterMs;
      throw error;
    }
  };
  return { admission, clock, log, registry, waitMs };
}

test('as many as can be answered are let in; a place is given back once', (t) => {
  const { admission, waitMs } = admissionUnderTest();
  const leave = admission.enter();
  for (let at = 1; at < MAX_ADMITTING; at += 1) t.is(waitMs(), 0);
  t.true(waitMs() > 0);
  leave();
  leave();
  t.is(waitMs(), 0);
  t.true(waitMs() > 0, 'one place was free, not two');
});

test('those that are sent away come again one after the other, and not for ever later', async (t) => {
  const { clock, log, registry, waitMs } = admissionUnderTest();
  for (let at = 0; at < MAX_ADMITTING; at += 1) waitMs();
  const waits = Array.from({ length: 2_000 }, waitMs);
  const span = 2_000 * (USUAL_MS / RETURNING_SHARE);
  for (const quarter of [0, 1, 2, 3]) {
    const from = (quarter * span) / 4;
    const share = waits.filter((ms) => ms >= from && ms < from + span / 4).length;
    // Each is spread over half of its wait more.
    t.true(share > 250 && share < 750, `${share} in quarter ${quarter}`);
  }
  t.is(log.of('streams-delayed').length, 1);
  t.regex(await registry.metrics(), /^hauberk_sync_streams_delayed_total 2000$/m);
  t.true(Math.max(...Array.from({ length: 50_000 }, waitMs)) <= 90_000);
  await clock.advance(10 * 60_000);
  t.true(waitMs() < 100, 'what was long ago does not count');
});

test('those that are sent away come again as fast as others were registered before', async (t) => {
  /** When the last of a hundred is asked back, after streams that were registered so many at a time. */
  const lastReturnMs = async (eachMs: number, atOnce: number): Promise<number> => {
    const { admission, clock, waitMs } = admissionUnderTest();
    const leaves = Array.from({ length: MAX_ADMITTING }, () => admission.enter());
    for (let round = 0; round < 512 / atOnce; round += 1) {
      await clock.advance(eachMs * atOnce);
      for (const leave of leaves.splice(0, atOnce)) {
        leave();
        leaves.push(admission.enter());
      }
    }
    return Math.max(...Array.from({ length: 100 }, waitMs));
  };
  // Each is spread over half of its wait more.
  const isAt = (ms: number, eachMs: number): boolean => {
    const expectedMs = (100 * eachMs) / RETURNING_SHARE;
    return ms >= expectedMs * 0.9 && ms <= expectedMs * 1.6;
  };
  t.true(isAt(await lastReturnMs(1, 1), 1));
  t.true(isAt(await lastReturnMs(10, 1), 10));
  t.true(isAt(await lastReturnMs(2, 128), 2), 'those that are written together count together');
  t.true(
    isAt(await lastReturnMs(10_000, 1), 20),
    'a machine that stood still is not slow for ever',
  );
});

test('few streams that took long say nothing of how fast many are', async (t) => {
  const { admission, clock, waitMs } = admissionUnderTest();
  for (let at = 0; at < 1_000; at += 1) {
    const leave = admission.enter();
    await clock.advance(100);
    leave();
  }
  for (let at = 0; at < MAX_ADMITTING; at += 1) waitMs();
  t.true(
    Math.max(...Array.from({ length: 100 }, waitMs)) <= (100 * USUAL_MS * 1.6) / RETURNING_SHARE,
  );
});
