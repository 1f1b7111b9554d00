import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Registry } from 'prom-client';
import { registerProcessMetrics } from '../../../common/metrics/process-metrics.ts';

test('turns of the event loop and the time that it was busy are counted', async (t) => {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const count = async (name: string): Promise<number> => {
    const text = await registry.metrics();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  const turns = await count('hauberk_event_loop_turns_total');
  const busy = await count('hauberk_event_loop_busy_seconds_total');
  t.true(turns > 0);
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  // The first one may be in the turn that is under way.
  t.true((await count('hauberk_event_loop_turns_total')) >= turns + 9);
  t.true((await count('hauberk_event_loop_busy_seconds_total')) > busy);
});
