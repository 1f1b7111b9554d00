import test from 'ava';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

test('an endpoint that failed is put aside, longer with each failure in a row, at most 30 s', async (t) => {
  const clock = createManualClock();
  const health = new EndpointHealth({ clock, random: () => 0.999_999 });
  t.true(health.isHealthy('a'));
  for (const expectedMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    health.failed('a');
    await clock.advance(expectedMs - 50);
    t.false(health.isHealthy('a'));
    t.true(health.isHealthy('b'));
    await clock.advance(50);
    t.true(health.isHealthy('a'));
  }
});

test('the least jitter still puts it aside for half a second', async (t) => {
  const clock = createManualClock();
  const health = new EndpointHealth({ clock, random: () => 0 });
  health.failed('a');
  await clock.advance(499);
  t.false(health.isHealthy('a'));
  await clock.advance(1);
  t.true(health.isHealthy('a'));
});

test('one success brings it back and starts the count anew', async (t) => {
  const clock = createManualClock();
  const health = new EndpointHealth({ clock, random: () => 0.999_999 });
  health.failed('a');
  health.failed('a');
  health.succeeded('a');
  t.true(health.isHealthy('a'));
  health.failed('a');
  await clock.advance(1_000);
  t.true(health.isHealthy('a'));
});
