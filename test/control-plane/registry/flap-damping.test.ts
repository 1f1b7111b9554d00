/** An endpoint that comes and goes is announced later each time it comes; that it goes is told at once. */
import test from 'ava';
import { FlapDamping } from '../../../control-plane/registry/flap-damping.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { rig } from './registry-under-test.ts';

const WEB = { spiffeId: 'spiffe://mesh.local/ns/shop/sa/web', instanceId: 'web-1' };

test('the pause grows with each arrival, up to a minute, and is forgiven in time', async (t) => {
  const clock = createManualClock();
  const damping = new FlapDamping(clock);
  const pauses = Array.from({ length: 12 }, () => damping.pauseMs(WEB) / 1000);
  t.deepEqual(pauses, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  t.is(damping.pauseMs({ ...WEB, instanceId: 'web-2' }), 0, 'another sidecar is not meant');
  t.is(damping.pauseMs({ ...WEB, spiffeId: 'another' }), 0, 'nor is another identity');
  for (let at = 0; at < 1_000; at += 1) damping.pauseMs(WEB);
  clock.step(86_400_000);
  t.is(damping.pauseMs(WEB), 60_000, 'the date has nothing to do with it');
  await clock.advance(16 * 60_000);
  t.is(damping.pauseMs(WEB), 0);
});

test('however many come, little is remembered, and a flapping one is', (t) => {
  const damping = new FlapDamping(createManualClock());
  for (let at = 0; at < 20; at += 1) damping.pauseMs(WEB);
  for (let at = 0; at < 30_000; at += 1) damping.pauseMs({ ...WEB, instanceId: `other-${at}` });
  t.is(damping.pauseMs(WEB), 60_000);
});

test('a sidecar that registers again and again elsewhere is told of with a pause', async (t) => {
  const { start, clock, log } = await rig(t);
  const { registry, view, connect } = await start();
  let port = 20_000;
  const move = async (): Promise<void> => {
    port += 1;
    await connect({ ...WEB, hbonePort: port });
  };
  const announced = (): number | undefined => view.endpoints.get('web-1')?.hbonePort;
  for (let times = 0; times < 3; times += 1) {
    await move();
    await eventually('it is announced', () => (announced() === port ? true : undefined));
  }
  const before = view.version;
  await move();
  await eventually('the former place is gone at once', () =>
    announced() === undefined ? true : undefined,
  );
  t.is(registry.damped, 1);
  t.like(log.of('endpoint-damped'), [{ instanceId: 'web-1', retryInMs: 1_000 }]);
  for (let times = 0; times < 290; times += 1) await move();
  t.true(view.version <= before + 1, 'nobody is told of the others');
  await clock.advance(60_000);
  await eventually('where it is in the end', () => (announced() === port ? true : undefined));
  t.is(registry.damped, 0);
});

test('one that leaves while it is held back is not announced any more', async (t) => {
  const { start, clock } = await rig(t);
  const { registry, view, connect } = await start();
  for (let times = 0; times < 3; times += 1) await connect({ ...WEB, hbonePort: 20_000 + times });
  const registration = await connect({ ...WEB, hbonePort: 30_000 });
  t.is(registry.damped, 1);
  await registration.goodbye();
  await clock.advance(60_000);
  t.is(view.endpoints.get('web-1'), undefined);
  t.is(registry.damped, 0);
});
