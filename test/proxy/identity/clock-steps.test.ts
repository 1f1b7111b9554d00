// The wall clock is set, or the machine is suspended, under a sidecar that waits for its renewal.
import test, { type ExecutionContext } from 'ava';
import type { IdentityManager } from '../../../proxy/identity/manager.ts';
import { remainingMs } from '../../../proxy/identity/renewal/schedule.ts';
import { skewProblem } from '../../../proxy/identity/skew.ts';
import { identityUnderTest, tokenFor } from '../../helpers/mesh/identity-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const token = tokenFor(authority);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

async function enrolled(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  const controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const given = { controlPlane, token, stateDirectory: directory.path };
  const manager = await world.create(given);
  t.teardown(async () => {
    await manager.close();
    await controlPlane.stop();
    await directory[Symbol.asyncDispose]();
  });
  return { ...world, clock: world.clock, controlPlane, manager, again: () => world.create(given) };
}

const serial = ({ source }: IdentityManager): string => source.current().chain[0].serialNumber;

test('a machine that was suspended past the renewal renews at once when it wakes', async (t) => {
  const { clock, manager, nextResult } = await enrolled(t);
  const before = serial(manager);
  const result = nextResult();
  clock.step(45 * MINUTE_MS);
  t.is(await result, 'renewed');
  t.not(serial(manager), before);
});

test('one that was suspended past the end of the certificate comes back at once', async (t) => {
  const { clock, manager, nextResult } = await enrolled(t);
  const result = nextResult();
  clock.step(8 * HOUR_MS);
  t.true(remainingMs(manager.source.current(), clock) < 0, 'it knows that it has expired');
  t.is(await result, 'renewed');
  t.true(remainingMs(manager.source.current(), clock) > 0);
});

test('one that was suspended while it waited for the next try makes it at once', async (t) => {
  const { clock, controlPlane, manager, nextResult } = await enrolled(t);
  controlPlane.refusal = 'unavailable';
  const failed = nextResult();
  await clock.advance(36 * MINUTE_MS);
  t.is(await failed, 'failed');
  t.is(manager.renewal, 'backing-off');
  controlPlane.refusal = undefined;
  const renewed = nextResult();
  clock.step(HOUR_MS);
  t.is(await renewed, 'renewed');
});

for (const stepMs of [-5 * 365 * 24 * HOUR_MS, -HOUR_MS, 5 * MINUTE_MS]) {
  test(`a wall clock that is set by ${stepMs} ms neither puts the renewal off nor brings it on`, async (t) => {
    const { clock, manager, nextResult } = await enrolled(t);
    const before = serial(manager);
    clock.step(stepMs);
    const latestMs = 40 * MINUTE_MS;
    await clock.advance(24 * MINUTE_MS);
    t.is(serial(manager), before);
    const result = nextResult();
    await clock.advance(latestMs - 24 * MINUTE_MS);
    t.is(await result, 'renewed');
  });
}

test('a wall clock that is set back does not make the certificate live longer, also after a restart', async (t) => {
  const { again, clock, manager } = await enrolled(t);
  await clock.advance(20 * MINUTE_MS);
  clock.step(-10 * MINUTE_MS);
  t.is(Math.round(remainingMs(manager.source.current(), clock) / MINUTE_MS), 40);
  await manager.close();
  const restarted = await again();
  const left = remainingMs(restarted.source.current(), clock) / MINUTE_MS;
  t.is(Math.round(left), 50, 'what a process that is gone knew is not known');
  clock.step(-HOUR_MS);
  await restarted.close();
  const once = await again();
  t.true(remainingMs(once.source.current(), clock) <= HOUR_MS, 'never more than it was given');
  await once.close();
});

test('a clock that is set so far ahead that certificates are of no use is compared with the control plane', async (t) => {
  const { clock, manager, nextResult } = await enrolled(t);
  clock.step(25 * MINUTE_MS);
  t.regex(skewProblem(manager.source.current(), clock) ?? '', /ahead of the control plane/);
  const result = nextResult();
  await clock.advance(5_000);
  t.is(await result, 'renewed');
});
