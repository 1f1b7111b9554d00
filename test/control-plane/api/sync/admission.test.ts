import test from 'ava';
import { Registry } from 'prom-client';
import {
  createAdmission,
  MAX_ADMITTING,
  RETURNS_PER_SECOND,
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
  const span = (2_000 / RETURNS_PER_SECOND) * 1_000;
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
