// A certificate that was revoked is of no use, however long it is valid: it gives way to a join token,
// and until there is another one the sidecar is not ready and says why.
import test from 'ava';
import { RpcError, type Refusal } from '../../../common/rpc/rpc-error.ts';
import { createReadiness } from '../../../proxy/admin/readiness.ts';
import type { IdentityManager } from '../../../proxy/identity/manager.ts';
import { identityUnderTest, tokenFor } from '../../helpers/mesh/identity-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  startTestControlPlane,
  type TestControlPlane,
} from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const SECONDS = 1_000;
const HOUR_MS = 3_600_000;

const serial = ({ source }: IdentityManager): string => source.current().chain[0].serialNumber;
const refusal = (code: Refusal): RpcError => new RpcError(code, `refused: ${code}`);

/** Only tokens are good, or not even they. */
function refuseRenewals(controlPlane: TestControlPlane, code: Refusal, ofToken?: Refusal): void {
  controlPlane.refuses = ({ joinToken }) => (joinToken === '' ? code : ofToken);
}

async function rig(t: { teardown(end: () => unknown): void }, withToken: boolean) {
  const directory = await temporaryDirectory();
  const controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const token: { value: string | undefined } = { value: tokenFor(authority) };
  const manager = await world.create({
    controlPlane,
    stateDirectory: directory.path,
    tokens: { origin: 'token', read: async () => token.value },
  });
  if (!withToken) token.value = undefined;
  const readiness = createReadiness(world.clock);
  readiness.watch(manager.source, manager.revocation);
  readiness.listening();
  t.teardown(async () => {
    await manager.close();
    await controlPlane[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });
  return { controlPlane, world, token, manager, readiness };
}

for (const code of ['certificate-revoked', 'identity-revoked'] as const) {
  test(`it gives way to the token when Sync says so: ${code}`, async (t) => {
    const { controlPlane, world, manager, readiness } = await rig(t, true);
    const before = serial(manager);
    t.true(readiness.check().ok);
    refuseRenewals(controlPlane, code);
    const result = world.nextResult();
    manager.refused(refusal(code));
    t.deepEqual(readiness.check().reasons, [`refused: ${code}`]);
    t.is(world.log.of('revoked').length, 1);
    await world.clock.advance(1 * SECONDS);
    t.is(await result, 'renewed');
    t.not(serial(manager), before);
    t.true(readiness.check().ok);
    t.not(controlPlane.issues.at(-1)?.request.joinToken, '');
  });
}

test('a refusal for anything else changes nothing', async (t) => {
  const { world, manager, readiness, controlPlane } = await rig(t, true);
  for (const code of ['unavailable', 'identity-mismatch', 'rate-limited'] as const) {
    manager.refused(refusal(code));
  }
  t.true(readiness.check().ok);
  await world.clock.advance(60 * SECONDS);
  t.is(controlPlane.issues.length, 1);
});

test('without a token it stays as it is, tries steadily, and a token that comes later helps', async (t) => {
  const { controlPlane, world, token, manager, readiness } = await rig(t, false);
  refuseRenewals(controlPlane, 'certificate-revoked');
  let result = world.nextResult();
  manager.refused(refusal('certificate-revoked'));
  for (let failures = 1; failures < 12; failures += 1) {
    await world.clock.advance(15 * SECONDS);
    t.is(await result, 'failed');
    result = world.nextResult();
    t.false(readiness.check().ok);
  }
  t.deepEqual([...new Set(world.failures)], ['certificate-revoked']);
  t.is(world.log.of('revoked').length, 1, 'said once');
  token.value = tokenFor(authority);
  await world.clock.advance(15 * SECONDS);
  t.is(await result, 'renewed');
  t.true(readiness.check().ok);
});

test('a token that is refused for good is not shown again; one that may become good is', async (t) => {
  const { controlPlane, world, token, manager } = await rig(t, true);
  const shown = (): number =>
    controlPlane.issues.filter(({ request }) => request.joinToken !== '').length;
  refuseRenewals(controlPlane, 'certificate-revoked', 'token-used-up');
  let result = world.nextResult();
  manager.refused(refusal('certificate-revoked'));
  for (let failures = 1; failures < 4; failures += 1) {
    await world.clock.advance(15 * SECONDS);
    t.is(await result, 'failed');
    result = world.nextResult();
  }
  t.is(shown(), 2, 'to enrol, and once more');
  t.is(world.log.of('token-refused').length, 1);
  t.deepEqual([...new Set(world.failures)], ['certificate-revoked']);

  token.value = tokenFor(authority).replace('-test-', '-next-');
  refuseRenewals(controlPlane, 'certificate-revoked', 'identity-revoked');
  await world.clock.advance(15 * SECONDS);
  t.is(await result, 'failed');
  result = world.nextResult();
  refuseRenewals(controlPlane, 'certificate-revoked');
  await world.clock.advance(15 * SECONDS);
  t.is(await result, 'renewed', 'it was readmitted');
  t.is(shown(), 4);
});

test('a renewal that is refused because of a revocation shows as well', async (t) => {
  const { controlPlane, world, manager, readiness } = await rig(t, false);
  refuseRenewals(controlPlane, 'certificate-revoked');
  const result = world.nextResult();
  await world.clock.advance(HOUR_MS * (7 / 12));
  t.is(await result, 'failed');
  t.deepEqual(readiness.check().reasons.length, 1);
  t.regex(readiness.check().reasons[0] ?? '', /certificate-revoked/);
  manager.revocation.accepted();
  t.true(readiness.check().ok, 'Sync takes it after all');
});
