/**
 * The wall clock is set, either way, while the root is rotated. A root is never dropped because of it that
 * certificates in use lead to, and what a rotation waits for comes when its time has passed.
 */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ACKNOWLEDGE_TIMEOUT_MS } from '../../../../control-plane/ca/rotation/root-rotation.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
} from '../../control-plane-under-test.ts';
import { hello, openSyncStream } from '../../api/sync/sync-stream-under-test.ts';

const HOUR_MS = 3_600_000;
const STEPS_MS = [-2 * HOUR_MS, 2 * HOUR_MS];
const LIFETIME_MS = 600_000;
const ROUTINE = { compromised: false, graceSeconds: 0 };

type Phase = 'prepared' | 'signing' | 'stable';

/** Lets time pass in parts, until the rotation is in the phase; returns how much had to pass. */
async function timeUntil(
  { clock, metric }: ControlPlaneUnderTest,
  phase: Phase,
  partMs: number,
): Promise<number> {
  const startedMs = clock.monotonicMs();
  // The metric needs no certificate: by a clock that was set, the operator's may not be valid.
  while (!(await metric(`hauberk_root_rotation_phase{phase="${phase}"} 1`))) {
    await clock.advance(partMs);
    const passedMs = clock.monotonicMs() - startedMs;
    if (passedMs > 2 * HOUR_MS) throw new Error(`the rotation is not ${phase} in ${passedMs} ms`);
  }
  return clock.monotonicMs() - startedMs;
}

/** A few parts are lost where something is written while time stands still. */
function isAbout(t: ExecutionContext, gotMs: number, wantedMs: number, partMs: number): void {
  t.true(gotMs >= wantedMs - partMs, `expected ${wantedMs} ms, and it was over after ${gotMs}`);
  t.true(gotMs <= wantedMs + 5 * partMs, `expected ${wantedMs} ms, and it took ${gotMs}`);
}

for (const stepMs of STEPS_MS) {
  const set = `set ${stepMs < 0 ? 'back' : 'forward'} by ${Math.abs(stepMs) / HOUR_MS} h`;

  test(`${set}: the former root goes when the last certificate has expired`, async (t) => {
    const cp = await startControlPlaneUnderTest(t, { leafLifetimeSeconds: LIFETIME_MS / 1000 });
    await cp.enrol('shop', 'web');
    await cp.admin.rotateRoot(ROUTINE);
    const signingMs = await timeUntil(cp, 'signing', 500);
    await cp.clock.advance(10_000);
    cp.clock.step(stepMs);
    isAbout(t, await timeUntil(cp, 'stable', 10_000), LIFETIME_MS - signingMs - 10_000, 10_000);
  });

  test(`${set}: who is connected and says nothing is waited for as long as ever`, async (t) => {
    const cp = await startControlPlaneUnderTest(t);
    const stream = openSyncStream(cp, await cp.enrol('shop', 'silent'));
    stream.say(hello({ instanceId: 'silent-1' }));
    await stream.next();
    await cp.admin.rotateRoot(ROUTINE);
    await cp.clock.advance(10_000);
    cp.clock.step(stepMs);
    isAbout(t, await timeUntil(cp, 'signing', 1_000), ACKNOWLEDGE_TIMEOUT_MS - 10_000, 1_000);
  });

  test(`${set}: a grace after a theft is neither cut short nor drawn out`, async (t) => {
    const cp = await startControlPlaneUnderTest(t);
    const stream = openSyncStream(cp, await cp.enrol('shop', 'silent'));
    stream.say(hello({ instanceId: 'silent-1' }));
    await stream.next();
    await cp.admin.rotateRoot({ compromised: true, graceSeconds: 40 });
    await cp.clock.advance(5_000);
    cp.clock.step(stepMs);
    isAbout(t, await timeUntil(cp, 'signing', 500), 15_000, 500);
    cp.clock.step(-stepMs);
    isAbout(t, await timeUntil(cp, 'stable', 500), 20_000, 500);
  });
}
