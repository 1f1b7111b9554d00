// What the clock of the control plane says is told on each stream: at first, every half a minute, and when it was set.
import test from 'ava';
import { SERVER_TIME_INTERVAL_MS } from '../../../../control-plane/api/sync/sync.ts';
import { DiscoveryClient } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { startControlPlaneUnderTest } from '../../control-plane-under-test.ts';
import { hello } from './sync-stream-under-test.ts';

test('a sidecar hears what time it is after its first message, and again', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const call = cp
    .connect(await cp.enrol('shop', 'web'))
    .client(DiscoveryClient)
    .sync();
  t.teardown(() => call.cancel());
  call.on('error', () => {});
  const kinds: unknown[] = [];
  const times: number[] = [];
  call.on('data', ({ change }) => {
    kinds.push(change?.$case);
    if (change?.$case === 'serverTime') times.push(change.value.epochMs);
  });
  const heard = (count: number) =>
    eventually(`the time is told ${count} times`, () => times.length >= count || undefined);
  const told: number[] = [cp.clock.epochMs()];
  call.write({ message: hello() });
  await heard(1);
  t.deepEqual(kinds, ['snapshot', 'serverTime']);

  await cp.clock.advance(SERVER_TIME_INTERVAL_MS);
  told.push(cp.clock.epochMs());
  await heard(2);
  cp.clock.step(-3_600_000);
  told.push(cp.clock.epochMs());
  await heard(3);
  t.deepEqual(times, told);
});
