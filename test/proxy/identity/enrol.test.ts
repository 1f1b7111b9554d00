import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { JoinTokenError } from '../../../common/pki/join-token/join-token-error.ts';
import { IdentityError } from '../../../proxy/identity/identity-error.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { identityUnderTest, tokenFor, WEB } from '../../helpers/mesh/identity-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const token = tokenFor(authority);
/** What the product promises for a refusal. */
const REFUSED_WITHIN_MS = 1_000;

test('a token becomes an identity: own key, one-way TLS, then nothing more is asked', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const world = identityUnderTest();
  const stateDirectory = directory.path;
  const manager = await world.create({ controlPlane, token, stateDirectory });
  const { chain, privateKey, bundle, spiffeId, lifetimeMs } = manager.source.current();
  t.deepEqual(spiffeId, WEB);
  t.true(chain[0].checkPrivateKey(privateKey));
  t.is(bundle.version, authority.bundle.version);
  t.true(lifetimeMs > 3_590_000 && lifetimeMs <= 3_600_000);
  t.is(controlPlane.issues.length, 1);
  t.is(controlPlane.issues[0]?.caller.kind, 'anonymous');
  t.is(controlPlane.issues[0]?.request.joinToken, token);
  t.is(world.log.of('enrolled').length, 1);
  t.false(JSON.stringify(world.log.lines).includes(token));
  await manager.close();
  t.deepEqual(world.clock.pending, []);
});

const REASONS = [
  'token-unknown',
  'token-expired',
  'token-revoked',
  'token-used-up',
  'token-wrong-identity',
] as const;

for (const reason of REASONS) {
  // One by one: the machine is shared, the promise of one second is not.
  test.serial(`a refused token is told at once: ${reason}`, async (t) => {
    await using directory = await temporaryDirectory();
    await using controlPlane = await startTestControlPlane({ authority });
    controlPlane.refusal = reason;
    const settings = { controlPlane, token, stateDirectory: directory.path };
    const { create } = identityUnderTest();
    const refused = t.throwsAsync(create(settings), { instanceOf: RpcError });
    const error = await within('the refusal', refused, REFUSED_WITHIN_MS);
    t.is(error.code, reason);
    t.is(error.hint, `what to do about ${reason}`);
    t.is(controlPlane.issues.length, 1);

    controlPlane.refusal = undefined;
    const manager = await create(settings);
    await manager.close();
  });
}

test('a malformed token is told without any connection', async (t) => {
  await using directory = await temporaryDirectory();
  const { create } = identityUnderTest();
  const stateDirectory = directory.path;
  const error = await t.throwsAsync(create({ token: 'hbk-1-x', stateDirectory }), {
    instanceOf: JoinTokenError,
  });
  t.is(error.code, 'token-malformed');
});

test.serial('the token is never sent to a control plane with another root', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane();
  const { create } = identityUnderTest();
  const enrolment = create({ controlPlane, token, stateDirectory: directory.path });
  const refused = t.throwsAsync(enrolment, { instanceOf: RpcError });
  t.is((await within('the refusal', refused, REFUSED_WITHIN_MS)).code, 'token-wrong-root');
  t.deepEqual(controlPlane.issues, []);
});

test.serial('the token is never sent to a workload with the right root', async (t) => {
  await using directory = await temporaryDirectory();
  const identity = serverIdentity(authority, 'web');
  await using controlPlane = await startTestControlPlane({ authority, identity });
  const { create } = identityUnderTest();
  const enrolment = create({ controlPlane, token, stateDirectory: directory.path });
  const refused = t.throwsAsync(enrolment, { instanceOf: RpcError });
  t.is((await within('the refusal', refused, REFUSED_WITHIN_MS)).code, 'server-identity');
  t.deepEqual(controlPlane.issues, []);
});

test('a control plane that is not up yet is waited for, with a line now and then', async (t) => {
  await using directory = await temporaryDirectory();
  const first = await startTestControlPlane({ authority });
  await first.stop();
  const world = identityUnderTest();
  const address = { host: first.host, port: first.port };
  const stateDirectory = directory.path;
  const enrolment = world.create({ controlPlane: address, token, stateDirectory });
  const pauseMs = (): number | undefined => {
    const ms = (world.clock.pending[0] ?? 0) - world.clock.monotonicMs();
    // A try that is under way has its time limit, which is longer than any pause.
    return ms > 0 && ms < 5_000 ? ms : undefined;
  };
  for (let tries = 0; tries < 10; tries += 1) {
    await world.clock.advance(await eventually('the pause before the next try', pauseMs));
  }
  const lines = world.log.of('enrolment-waiting');
  t.true(lines.length >= 2 && lines.length <= 5, `${lines.length} lines for 10 tries`);
  t.true(lines[0]?.msg.includes(`127.0.0.1:${first.port}`));

  await using controlPlane = await startTestControlPlane({ authority, port: first.port });
  await eventually('the pause before the last try', () => {
    if (controlPlane.issues.length > 0) return true;
    void world.clock.advance(pauseMs() ?? 0);
    return undefined;
  });
  const manager = await within('enrolment', enrolment);
  await manager.close();
});

test('a signal ends the wait', async (t) => {
  await using directory = await temporaryDirectory();
  const gone = await startTestControlPlane({ authority });
  await gone.stop();
  const world = identityUnderTest();
  const abort = new AbortController();
  const { signal } = abort;
  const controlPlane = { host: gone.host, port: gone.port };
  const enrolment = world.create({ controlPlane, token, stateDirectory: directory.path, signal });
  await eventually('the first pause', () => (world.clock.pending.length > 0 ? true : undefined));
  abort.abort();
  const error = await t.throwsAsync(enrolment, { instanceOf: RpcError });
  t.is(error.code, 'cancelled');
  t.deepEqual(world.clock.pending, []);
});

test('without token and without state the error says how to make a token', async (t) => {
  await using directory = await temporaryDirectory();
  const { create } = identityUnderTest();
  const error = await t.throwsAsync(create({ stateDirectory: directory.path }), {
    instanceOf: IdentityError,
  });
  t.is(error.code, 'token-missing');
  t.regex(error.hint ?? '', /hauberk token create .*shop.*web/);
});

test('a broken state is put aside when there is a token, and an error when there is none', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const stateDirectory = directory.path;
  await writeFile(join(stateDirectory, 'identity.json'), 'broken', { mode: 0o600 });
  const world = identityUnderTest();
  const error = await t.throwsAsync(world.create({ controlPlane, stateDirectory }), {
    instanceOf: IdentityError,
  });
  t.is(error.code, 'state-corrupt');
  t.regex(error.hint ?? '', /join token/);

  const manager = await world.create({ controlPlane, token, stateDirectory });
  await manager.close();
  const [line] = world.log.of('state-set-aside');
  t.is(typeof line?.['keptAs'], 'string');
  await rm(String(line?.['keptAs']));
});

const tampered = {
  'a certificate for another key': () =>
    authority.workload('shop', 'web').chain.map(({ raw }) => raw),
  'no certificate': () => [],
  garbage: () => [Buffer.from('garbage')],
};

for (const [what, chain] of Object.entries(tampered)) {
  test(`an answer with ${what} is not believed`, async (t) => {
    await using directory = await temporaryDirectory();
    await using controlPlane = await startTestControlPlane({ authority });
    controlPlane.tamper = (response) => ({ ...response, chain: chain() });
    const { create } = identityUnderTest();
    const enrolment = create({ controlPlane, token, stateDirectory: directory.path });
    const error = await t.throwsAsync(enrolment, { instanceOf: RpcError });
    t.is(error.code, 'protocol');
  });
}

test('an answer whose roots do not lead to the leaf is not believed', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const roots = [createTestAuthority().root.certificate.raw];
  controlPlane.tamper = (response) => ({
    ...response,
    bundle: { trustDomain: 'mesh.local', version: 1, roots, withdrawn: [], added: [] },
  });
  const { create } = identityUnderTest();
  const enrolment = create({ controlPlane, token, stateDirectory: directory.path });
  const error = await t.throwsAsync(enrolment, { instanceOf: RpcError });
  t.is(error.code, 'protocol');
  t.regex(error.message, /gap/);
});
