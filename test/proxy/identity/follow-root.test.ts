// A bundle whose first root is another one than the certificate leads to: the root is being rotated,
// and the sidecar renews within seconds instead of half an hour.
import test from 'ava';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import { identityUnderTest, tokenFor } from '../../helpers/mesh/identity-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const next = createTestAuthority();
const [former, present] = [authority.root.certificate, next.root.certificate];
const bundle = (version: number, ...roots: TrustBundle['roots']): TrustBundle => ({
  trustDomain: 'mesh.local',
  version,
  roots,
});
const SECONDS = 1_000;

test('renews within seconds when another root comes first, and not because one was added', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const manager = await world.create({
    controlPlane,
    token: tokenFor(authority),
    stateDirectory: directory.path,
    random: () => 0.5,
  });
  t.teardown(() => manager.close());
  await manager.acceptBundle(bundle(2, former, present));
  await world.clock.advance(60 * SECONDS);
  t.is(controlPlane.issues.length, 1, 'a root more is no reason');

  controlPlane.tamper = (response) => ({
    ...response,
    bundle: {
      trustDomain: 'mesh.local',
      version: 3,
      roots: [present.raw, former.raw],
      withdrawn: [],
      added: [],
    },
  });
  const result = world.nextResult();
  await manager.acceptBundle(bundle(3, present, former));
  await world.clock.advance(2.4 * SECONDS);
  t.is(controlPlane.issues.length, 1, 'spread over five seconds');
  await world.clock.advance(0.1 * SECONDS);
  t.is(await result, 'renewed');
  t.is(controlPlane.issues.length, 2);

  // The answer leads to the former root again: that is not asked for again and again.
  await world.clock.advance(60 * SECONDS);
  t.is(controlPlane.issues.length, 2);
});

test('catches up after a restart in the middle of a rotation', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const settings = { controlPlane, stateDirectory: directory.path, random: () => 0.5 };
  const first = await world.create({ ...settings, token: tokenFor(authority) });
  await first.acceptBundle(bundle(3, present, former));
  await first.close();
  t.is(controlPlane.issues.length, 1);

  const result = world.nextResult();
  const second = await world.create(settings);
  t.teardown(() => second.close());
  await world.clock.advance(5 * SECONDS);
  t.is(await result, 'renewed');
});
