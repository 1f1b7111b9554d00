// A renewal goes over the connection that is open to a control plane, while that is as good as another.
import test, { type ExecutionContext } from 'ava';
import { createChannel } from '../../../../common/rpc/channel.ts';
import type { IdentityManager } from '../../../../proxy/identity/manager.ts';
import type { OpenConnection } from '../../../../proxy/identity/renewal/open-connection.ts';
import { cableTo } from '../../../helpers/machine/cable.ts';
import {
  identityUnderTest,
  tokenFor,
  type IdentityUnderTest,
} from '../../../helpers/mesh/identity-under-test.ts';
import { targetsOf } from '../../../helpers/targets.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';
import {
  startTestControlPlane,
  type TestControlPlane,
} from '../../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const RENEWAL_MS = 45 * 60_000;

interface Rig {
  readonly world: IdentityUnderTest;
  readonly controlPlane: TestControlPlane;
  readonly cable: Awaited<ReturnType<typeof cableTo>>;
  readonly manager: IdentityManager;
  /** Makes a connection with the certificate in use, which renewals may go over from now on. */
  open(changes?: Partial<OpenConnection>): Promise<void>;
  renewal(): Promise<'renewed' | 'failed'>;
}

async function rig(t: ExecutionContext, others: readonly TestControlPlane[] = []): Promise<Rig> {
  const directory = await temporaryDirectory();
  const controlPlane = await startTestControlPlane({ authority });
  const cable = await cableTo(controlPlane.port);
  const world = identityUnderTest();
  const target = { host: '127.0.0.1', port: cable.port };
  let connection: OpenConnection | undefined;
  const channels: { close(): void }[] = [];
  const manager = await world.create({
    controlPlanes: await targetsOf([target, ...others], world.clock),
    token: tokenFor(authority),
    stateDirectory: directory.path,
    openConnection: () => connection,
  });
  t.teardown(async () => {
    for (const channel of channels) channel.close();
    await manager.close();
    await cable[Symbol.asyncDispose]();
    await controlPlane[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });
  return {
    world,
    controlPlane,
    cable,
    manager,
    async open(changes = {}) {
      const identity = manager.source.current();
      const { roots, trustDomain } = identity.bundle;
      const channel = createChannel({ address: target, trustDomain, roots, identity });
      channels.push(channel);
      t.true(await channel.connects(5_000));
      connection = { target, leaf: identity.chain[0], roots, channel, ...changes };
    },
    async renewal() {
      const result = world.nextResult();
      await world.clock.advance(RENEWAL_MS);
      return await result;
    },
  };
}

test('a renewal makes no connection of its own, and has another key and the same identity', async (t) => {
  const { cable, controlPlane, manager, open, renewal } = await rig(t);
  await open();
  const before = manager.source.current();
  const made = cable.connections;
  cable.refuse();
  t.is(await renewal(), 'renewed');
  t.is(cable.connections, made);
  const after = manager.source.current();
  t.not(after.chain[0].serialNumber, before.chain[0].serialNumber);
  t.false(after.privateKey.equals(before.privateKey));
  t.is(after.spiffeId.uri, before.spiffeId.uri);
  const { caller } = controlPlane.issues.at(-1) ?? {};
  t.true(caller?.kind === 'workload' && caller.certificate.raw.equals(before.chain[0].raw));
});

test('with an earlier certificate, or roots that are believed no more, it makes one', async (t) => {
  const { cable, manager, open, renewal } = await rig(t);
  await open({ leaf: authority.workload('shop', 'web').leaf });
  const made = cable.connections;
  t.is(await renewal(), 'renewed');
  t.is(cable.connections, made + 1);

  const withdrawn = createTestAuthority().root.certificate;
  await open({ roots: [...manager.source.current().bundle.roots, withdrawn] });
  t.is(await renewal(), 'renewed');
  t.is(cable.connections, made + 3);
});

test('when the connection has broken, it makes one in the same try', async (t) => {
  const { cable, open, renewal, world } = await rig(t);
  const gone = await startTestControlPlane({ authority });
  const address = { host: gone.host, port: gone.port };
  const { roots, trustDomain } = { roots: [authority.root.certificate], trustDomain: 'mesh.local' };
  const channel = createChannel({ address, trustDomain, roots });
  t.true(await channel.connects(5_000));
  await gone.stop();
  await open({ channel });
  const made = cable.connections;
  t.is(await renewal(), 'renewed');
  t.is(cable.connections, made + 1);
  t.deepEqual(world.failures, []);
  channel.close();
});

test('a connection that is closed under the call, because the stream has moved, costs nothing either', async (t) => {
  await using other = await startTestControlPlane({ authority });
  const { manager, open, renewal, world } = await rig(t);
  const { bundle, ...identity } = manager.source.current();
  const { roots, trustDomain } = bundle;
  const channel = createChannel({ address: other, trustDomain, roots, identity });
  other.tamper = (response) => {
    channel.close();
    return response;
  };
  await open({ channel });
  t.is(await renewal(), 'renewed');
  t.is(other.issues.length, 1);
  t.deepEqual(world.failures, []);
});

test('what the control plane decides over it is decided: it is not asked again over another', async (t) => {
  const { cable, controlPlane, open, renewal, world } = await rig(t);
  await open();
  const made = cable.connections;
  for (const refusal of ['identity-mismatch', 'rate-limited'] as const) {
    controlPlane.refusal = refusal;
    const asked = controlPlane.issues.length;
    t.is(await renewal(), 'failed');
    t.is(controlPlane.issues.length, asked + 1);
    t.is(world.failures.at(-1), refusal);
    controlPlane.refusal = undefined;
  }
  t.is(cable.connections, made);
});

test('of several, another one is asked when it has too much to do', async (t) => {
  await using second = await startTestControlPlane({ authority });
  const { controlPlane, open, renewal, world } = await rig(t, [second]);
  await open();
  controlPlane.refusal = 'rate-limited';
  t.is(await renewal(), 'renewed');
  t.deepEqual(world.failures, []);
  t.is(second.issues.length, 1);
});
