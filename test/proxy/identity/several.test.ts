import test from 'ava';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { identityUnderTest, tokenFor } from '../../helpers/mesh/identity-under-test.ts';
import { targetsOf } from '../../helpers/targets.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const token = tokenFor(authority);

test('enrolment passes over who is gone and who is not ours, and tells them nothing', async (t) => {
  await using directory = await temporaryDirectory();
  const gone = await startTestControlPlane({ authority });
  await gone.stop();
  await using foreign = await startTestControlPlane();
  const workload = serverIdentity(authority, 'web');
  await using impostor = await startTestControlPlane({ authority, identity: workload });
  await using controlPlane = await startTestControlPlane({ authority });
  const { clock, create } = identityUnderTest();
  const controlPlanes = await targetsOf([gone, foreign, impostor, controlPlane], clock);
  const manager = await create({ controlPlanes, token, stateDirectory: directory.path });
  t.is(controlPlane.issues.length, 1);
  t.deepEqual([...foreign.issues, ...impostor.issues], []);
  await manager.close();
});

test('a token that is refused is shown to no other control plane', async (t) => {
  await using directory = await temporaryDirectory();
  await using first = await startTestControlPlane({ authority });
  await using second = await startTestControlPlane({ authority });
  first.refusal = 'token-used-up';
  const { clock, create } = identityUnderTest();
  const controlPlanes = await targetsOf([first, second], clock);
  const enrolment = create({ controlPlanes, token, stateDirectory: directory.path });
  const error = await t.throwsAsync(enrolment, { instanceOf: RpcError });
  t.is(error.code, 'token-used-up');
  t.deepEqual(second.issues, []);
});

test('a certificate is renewed at another control plane when the first has died', async (t) => {
  await using directory = await temporaryDirectory();
  await using first = await startTestControlPlane({ authority });
  await using second = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const { clock } = world;
  const controlPlanes = await targetsOf([first, second], clock);
  const manager = await world.create({ controlPlanes, token, stateDirectory: directory.path });
  t.is(first.issues.length, 1);
  await first.stop();
  const result = world.nextResult();
  await clock.advance(45 * 60_000);
  t.is(await result, 'renewed');
  t.deepEqual(world.failures, []);
  t.is(second.issues[0]?.caller.kind, 'workload');
  await manager.close();
});
