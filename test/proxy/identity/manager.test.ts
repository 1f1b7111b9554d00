import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { momentOf } from '../../../common/dates.ts';
import { IdentityError } from '../../../proxy/identity/identity-error.ts';
import type { IdentityManager } from '../../../proxy/identity/manager.ts';
import { expiryDateMs, remainingMs } from '../../../proxy/identity/renewal/schedule.ts';
import type { IdentityChange } from '../../../proxy/identity/source.ts';
import { identityUnderTest, tokenFor, WEB } from '../../helpers/mesh/identity-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const token = tokenFor(authority);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function serial(manager: IdentityManager): string {
  return manager.source.current().chain[0].serialNumber;
}

test('renews by mutual TLS between half and two thirds of its life, with a new key, saved first', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const manager = await world.create({ controlPlane, token, stateDirectory });
  const before = manager.source.current();
  const changes: IdentityChange[] = [];
  let savedOnChange = '';
  manager.source.onChange((identity, change) => {
    changes.push(change);
    t.is(manager.source.current(), identity);
    savedOnChange = readFileSync(join(stateDirectory, 'identity.json'), 'utf8');
  });

  await world.clock.advance(29 * MINUTE_MS);
  t.is(controlPlane.issues.length, 1);
  const result = world.nextResult();
  await world.clock.advance(11 * MINUTE_MS);
  t.is(await result, 'renewed');

  const after = manager.source.current();
  t.not(after.chain[0].serialNumber, before.chain[0].serialNumber);
  t.false(after.privateKey.equals(before.privateKey));
  t.true(after.chain[0].checkPrivateKey(after.privateKey));
  t.deepEqual(changes, ['leaf']);
  t.true(savedOnChange.includes(JSON.stringify(String(after.chain[0])).slice(1, -1)));

  const [, renewal] = controlPlane.issues;
  t.is(renewal?.request.joinToken, '');
  const caller = renewal?.caller;
  t.is(caller?.kind === 'workload' ? caller.spiffeId.uri : caller?.kind, WEB.uri);
  await manager.close();
  t.deepEqual(world.clock.pending, []);
});

test('restarts from its state without token and without control plane, and keeps its instance id', async (t) => {
  await using directory = await temporaryDirectory();
  const controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const first = await world.create({ controlPlane, token, stateDirectory });
  await first.close();
  await controlPlane.stop();

  const second = await world.create({ controlPlane, stateDirectory });
  t.is(serial(second), serial(first));
  t.is(second.instanceId, first.instanceId);
  const [before, after] = [first, second].map(({ source }) => source.current());
  t.is(after?.received.epochMs, before?.received.epochMs);
  t.is(after?.lifetimeMs, before?.lifetimeMs);
  await second.close();
});

test('an expired state needs a token, and says so', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const first = await world.create({ controlPlane, token, stateDirectory });
  await first.close();
  await world.clock.advance(HOUR_MS);
  controlPlane.refusal = 'certificate-expired';
  const error = await t.throwsAsync(world.create({ controlPlane, stateDirectory }), {
    instanceOf: IdentityError,
  });
  t.is(error.code, 'token-missing');
  t.regex(error.message, /expired at .*, and refused: certificate-expired/);
  controlPlane.refusal = undefined;

  const second = await world.create({ controlPlane, token, stateDirectory });
  t.is(second.instanceId, first.instanceId);
  t.not(serial(second), serial(first));
  await second.close();
});

test('while renewal fails the valid certificate stays, tries go on, and one line each says so', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const manager = await world.create({ controlPlane, token, stateDirectory });
  const before = serial(manager);
  controlPlane.refusal = 'unavailable';
  for (let failure = 1; failure <= 12; failure += 1) {
    const result = world.nextResult();
    await world.clock.advance((world.clock.pending[0] ?? 0) - world.clock.monotonicMs());
    t.is(await result, 'failed');
    t.is(manager.renewal, 'backing-off');
    t.is(serial(manager), before);
  }
  t.true(remainingMs(manager.source.current(), world.clock) > 0);
  t.deepEqual(new Set(world.failures), new Set(['unavailable']));
  const lines = world.log.of('renewal-failed');
  t.is(lines.length, 12);
  t.is(lines[11]?.['notAfterMs'], expiryDateMs(manager.source.current(), world.clock));
  const dueInMs = (world.clock.pending[0] ?? 0) - world.clock.monotonicMs();
  t.is(lines[11]?.['retryInMs'], dueInMs);
  t.regex(lines[11]?.msg ?? '', /valid until .*; next try in [\d.]+ s: refused: unavailable/);

  controlPlane.refusal = undefined;
  const result = world.nextResult();
  await world.clock.advance((world.clock.pending[0] ?? 0) - world.clock.monotonicMs());
  t.is(await result, 'renewed');
  t.not(serial(manager), before);
  t.is(manager.renewal, 'waiting');
  await manager.close();
});

for (const have of ['with', 'without'] as const) {
  test(`expired while the control plane was away, ${have} a token`, async (t) => {
    await using directory = await temporaryDirectory();
    const controlPlane = await startTestControlPlane({ authority });
    const world = identityUnderTest();
    const stateDirectory = directory.path;
    const { clock } = world;
    const enrolled = await world.create({ controlPlane, token, stateDirectory });
    await enrolled.close();
    const settings = { controlPlane, stateDirectory };
    const manager = await world.create(have === 'with' ? { ...settings, token } : settings);
    await controlPlane.stop();
    let result = world.nextResult();
    await clock.advance(45 * MINUTE_MS);
    t.is(await result, 'failed');
    result = world.nextResult();
    await clock.advance(20 * MINUTE_MS);
    await result;
    t.true(remainingMs(manager.source.current(), clock) < 0);

    await using back = await startTestControlPlane({ authority, port: controlPlane.port });
    result = world.nextResult();
    await clock.advance(15_000);
    const outcome = await result;
    const callers = back.issues.map(({ caller }) => caller.kind);
    if (have === 'with') {
      t.is(outcome, 'renewed');
      t.deepEqual(callers, ['workload'], 'the token is kept for when that is refused');
      t.true(remainingMs(manager.source.current(), clock) > 0);
    } else {
      // This one takes it, because only our own clock has moved; a real one would refuse.
      t.deepEqual(callers, ['workload']);
      const expired = world.log.of('renewal-failed').filter(({ level }) => level === 50);
      t.true(expired.length > 0);
      t.regex(expired[0]?.msg ?? '', /expired at .* new join token/);
    }
    await manager.close();
  });
}

for (const skewMs of [-5 * MINUTE_MS, 5 * MINUTE_MS]) {
  test(`a control plane whose clock is ${skewMs / 1000} s from ours breaks nothing`, async (t) => {
    await using directory = await temporaryDirectory();
    await using controlPlane = await startTestControlPlane({
      authority,
      now: () => Date.now() + skewMs,
    });
    const world = identityUnderTest();
    const stateDirectory = directory.path;
    const manager = await world.create({ controlPlane, token, stateDirectory });
    const { lifetimeMs, received } = manager.source.current();
    t.true(Math.abs(lifetimeMs - HOUR_MS) <= 1_000);
    t.deepEqual(received, momentOf(world.clock));
    const [line] = world.log.of('clock-skew');
    t.regex(line?.msg ?? '', skewMs > 0 ? /(299|300|301|30\d) s behind/ : /(29\d|300) s ahead of/);

    const result = world.nextResult();
    await world.clock.advance(40 * MINUTE_MS);
    t.is(await result, 'renewed');
    await manager.close();
  });
}

test('takes newer roots into use and keeps them, and no others', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const manager = await world.create({ controlPlane, token, stateDirectory });
  const changes: IdentityChange[] = [];
  manager.source.onChange((_identity, change) => changes.push(change));
  const second = createTestAuthority().root.certificate;
  const roots = [...authority.bundle.roots, second];
  await manager.acceptBundle({ trustDomain: 'mesh.local', version: 1, roots });
  await manager.acceptBundle({ trustDomain: 'other.mesh', version: 9, roots });
  t.deepEqual(changes, []);
  const before = serial(manager);
  await manager.acceptBundle({ trustDomain: 'mesh.local', version: 2, roots });
  t.deepEqual(changes, ['bundle']);
  t.is(manager.source.current().bundle.roots.length, 2);
  t.is(serial(manager), before);

  // The answer to the renewal still carries version 1.
  const result = world.nextResult();
  await world.clock.advance(40 * MINUTE_MS);
  t.is(await result, 'renewed');
  t.is(manager.source.current().bundle.version, 2);
  await manager.close();

  const again = await world.create({ controlPlane, stateDirectory });
  t.is(again.source.current().bundle.version, 2);
  t.is(again.source.current().bundle.roots.length, 2);
  await again.close();
});

test('close ends a renewal that is under way', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const manager = await world.create({ controlPlane, token, stateDirectory });
  const before = serial(manager);
  await world.clock.advance(40 * MINUTE_MS);
  t.is(manager.renewal, 'renewing');
  await manager.close();
  t.is(manager.renewal, 'stopped');
  t.is(serial(manager), before);
  t.deepEqual(world.clock.pending, []);
  t.deepEqual(world.failures, []);
});

test('certificates of ten seconds are renewed again and again', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority, leafLifetimeMs: 10_000 });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const manager = await world.create({ controlPlane, token, stateDirectory });
  const seen = new Set([serial(manager)]);
  for (let renewal = 0; renewal < 5; renewal += 1) {
    let result;
    do {
      // A try has a second of real time, which a busy machine may not give: then another follows.
      const next = world.nextResult();
      await world.clock.advance((world.clock.pending[0] ?? 0) - world.clock.monotonicMs());
      result = await next;
    } while (result === 'failed' && manager.source.current().lifetimeMs > 0);
    t.is(result, 'renewed');
    seen.add(serial(manager));
  }
  t.is(seen.size, 6);
  await manager.close();
});
