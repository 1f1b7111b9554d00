/** A host that was off comes back with its expired certificate, for a while, and with nothing else. */
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { serialOf } from '../../../common/pki/revocation.ts';
import { createChannel } from '../../../common/rpc/channel.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { IdentityClient } from '../../../proto/gen/hauberk/v1/identity.ts';
import { eventually } from '../../helpers/deadline.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  startControlPlaneUnderTest,
  webId,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../control-plane-under-test.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_SECONDS = 86_400;

async function refused(
  t: ExecutionContext,
  cp: ControlPlaneUnderTest,
  identity: TestIdentity,
): Promise<string | undefined> {
  return (await t.throwsAsync(cp.issue({}, identity), { instanceOf: RpcError }))?.code;
}

/** A certificate of the real issuer that has expired for so long, and that the log does not have. */
function unknown(cp: ControlPlaneUnderTest, agoMs: number, name = webId) {
  const notAfterMs = cp.clock.epochMs() - agoMs;
  const validity = { notBeforeMs: notAfterMs - HOUR_MS, notAfterMs };
  return oddCertificate(cp.issuer, { altNames: [oddName.uri(name)], ...validity });
}

/** So long ago everything begins, so that TLS finds expired what the control plane's clock does. */
const startedAgoMs = 2 * HOUR_MS;

test('an expired certificate is renewed within the time, and not after it', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: 1800, startedAgoMs });
  const web = await cp.enrol('shop', 'web');
  await cp.clock.advance(HOUR_MS + MINUTE_MS);
  t.true((web.chain[0]?.validToDate.getTime() ?? Infinity) < Date.now());
  await t.notThrowsAsync(cp.issue({}, web));
  await cp.clock.advance(28 * MINUTE_MS);
  await t.notThrowsAsync(cp.issue({}, web));
  await cp.clock.advance(2 * MINUTE_MS);
  t.is(await refused(t, cp, web), 'certificate-expired');
  await t.notThrowsAsync(cp.issue({ joinToken: await cp.token() }, web));
});

test('one that expires by the clock of the control plane alone is renewed', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  const web = await cp.enrol('shop', 'web');
  await cp.clock.advance(HOUR_MS + MINUTE_MS);
  await t.notThrowsAsync(cp.issue({}, web));
});

test('one that the issuance log does not know is not, whoever signed it', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS, startedAgoMs });
  const web = await cp.enrol('shop', 'web');
  await cp.clock.advance(startedAgoMs);
  t.is(await refused(t, cp, unknown(cp, 60_000)), 'certificate-expired');
  await t.notThrowsAsync(cp.issue({}, web));
});

test('the operator and the control plane are not renewed after their end', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS, startedAgoMs });
  await cp.clock.advance(startedAgoMs);
  for (const service of ['admin', 'control-plane']) {
    const name = `spiffe://mesh.local/ns/hauberk/sa/${service}`;
    const identity = unknown(cp, MINUTE_MS, name);
    const error = await t.throwsAsync(cp.issue({ spiffeId: name }, identity), {
      instanceOf: RpcError,
      message: /is not renewed after its end/,
    });
    t.is(error?.code, 'certificate-expired', service);
  }
});

test('it is renewed for its own identity, and proves nothing else', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS, startedAgoMs });
  const web = await cp.enrol('shop', 'web');
  await cp.clock.advance(startedAgoMs);
  const error = await t.throwsAsync(cp.issue({ spiffeId: webId.replace('web', 'api') }, web), {
    instanceOf: RpcError,
  });
  t.is(error?.code, 'identity-mismatch');
  const other = unknown(cp, 60_000, webId.replace('mesh.local', 'other.mesh'));
  t.is(await refused(t, cp, other), 'wrong-trust-domain');
});

test('one of another authority is not renewed because it has expired', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  const nowMs = Date.now() - 2 * HOUR_MS;
  const foreign = createTestAuthority().workload('shop', 'web', { nowMs, lifetimeMs: HOUR_MS });
  t.is(await refused(t, cp, foreign), 'certificate-expired');
});

test('one that was revoked before it expired is not renewed', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  const web = await cp.enrol('shop', 'web');
  const [leaf] = web.chain;
  if (leaf === undefined) return t.fail('expected a certificate');
  const beside = await cp.enrol('shop', 'web');
  await cp.admin.revoke({ kind: 'serial', serial: serialOf(leaf) });
  await cp.clock.advance(2 * HOUR_MS);
  t.is(await refused(t, cp, web), 'certificate-revoked');
  await t.notThrowsAsync(cp.issue({}, beside), 'an expired one beside it is');
});

test('0 turns it off', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: 0 });
  const web = await cp.enrol('shop', 'web');
  await cp.clock.advance(HOUR_MS + 5000);
  t.is(await refused(t, cp, web), 'certificate-expired');
});

test('one below a root that was retired meanwhile is renewed below the new one', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS, startedAgoMs });
  const before = await cp.admin.getAuthority();
  const stillGood = await cp.enrol('shop', 'web');
  await cp.clock.advance(HOUR_MS + 60_000);
  await cp.admin.rotateRoot({ compromised: false, graceSeconds: 0 });
  const after = await eventually('the former root is retired', async () => {
    await cp.clock.advance(600);
    const authority = await cp.admin.getAuthority();
    return authority.rotation === undefined ? authority : undefined;
  });
  t.not(after.rootDigest, before.rootDigest);
  t.is(after.bundleVersion, before.bundleVersion + 3, 'it is gone from the bundle');
  const { chain, bundle } = await cp.issue({}, stillGood);
  t.is(bundle?.roots.length, 1);
  const [issuer, root] = [chain[1], bundle?.roots[0]].map((der) => new X509Certificate(der ?? ''));
  if (issuer === undefined || root === undefined) return t.fail();
  t.is(rootDigest(root), after.rootDigest);
  t.true(issuer.verify(root.publicKey));
  t.is(await refused(t, cp, unknown(cp, 25 * HOUR_MS)), 'certificate-expired');
});

test('one below a root that was stolen is not', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS, startedAgoMs });
  const former = await cp.enrol('shop', 'web');
  await cp.clock.advance(HOUR_MS + 60_000);
  await cp.admin.rotateRoot({ compromised: true, graceSeconds: 15 });
  await eventually('the stolen root is dropped', async () => {
    await cp.clock.advance(600);
    return cp.log.of('root-rotation-phase').length === 3 || undefined;
  });
  const [, , { root } = {}] = cp.log.of('root-rotation-phase') as readonly { root?: unknown }[];
  const address = { host: '127.0.0.1', port: cp.controlPlane.grpcPort };
  // Its own certificate and the file of the operator follow by themselves, in any order.
  const common = await eventually('the control plane shows the new root', async () => {
    const { roots } = readAdminCredential(cp.controlPlane.adminFile);
    const [first] = roots;
    if (roots.length !== 1 || first === undefined || rootDigest(first) !== root) return undefined;
    const below = { address, trustDomain: 'mesh.local', roots };
    const look = createChannel(below);
    const connects = await look.connects(1_000);
    look.close();
    return connects ? below : undefined;
  });
  const channel = createChannel({ ...common, identity: former });
  t.teardown(() => channel.close());
  const request = {
    csr: createCsr(generatePrivateKey()),
    joinToken: '',
    spiffeId: webId,
    lifetimeSeconds: 0,
  };
  const error = await t.throwsAsync(
    new Promise((resolve, reject) => {
      channel.client(IdentityClient).issue(request, (failure, response) => {
        if (failure === null) resolve(response);
        else reject(channel.explain(failure));
      });
    }),
    { instanceOf: RpcError },
  );
  t.is(error?.code, 'certificate-untrusted');
});
