/** A host that was off comes back with its expired certificate, for a while, and with nothing else. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { serialOf } from '../../../common/pki/revocation.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { oddCertificate, oddName } from '../../helpers/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/test-authority.ts';
import {
  startControlPlaneUnderTest,
  webId,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../control-plane-under-test.ts';

const HOUR_MS = 3_600_000;
const DAY_SECONDS = 86_400;

async function refused(
  t: ExecutionContext,
  cp: ControlPlaneUnderTest,
  identity: TestIdentity,
): Promise<string | undefined> {
  return (await t.throwsAsync(cp.issue({}, identity), { instanceOf: RpcError }))?.code;
}

/** A certificate of the real issuer that has expired for so long, by the control plane's clock and by that of TLS. */
function expired(cp: ControlPlaneUnderTest, agoMs: number, name = webId) {
  const notAfterMs = cp.clock.now() - agoMs;
  const validity = { notBeforeMs: notAfterMs - HOUR_MS, notAfterMs };
  return oddCertificate(cp.issuer, { altNames: [oddName.uri(name)], ...validity });
}

test('an expired certificate is renewed within the time, and not after it', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  await t.notThrowsAsync(cp.issue({}, expired(cp, 60_000)));
  await t.notThrowsAsync(cp.issue({}, expired(cp, 23 * HOUR_MS)));
  t.is(await refused(t, cp, expired(cp, 24 * HOUR_MS + 5000)), 'certificate-expired');
  await t.notThrowsAsync(cp.issue({ joinToken: await cp.token() }, expired(cp, 48 * HOUR_MS)));
});

test('it is renewed for its own identity, and proves nothing else', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  const error = await t.throwsAsync(
    cp.issue({ spiffeId: webId.replace('web', 'api') }, expired(cp, 60_000)),
    { instanceOf: RpcError },
  );
  t.is(error?.code, 'identity-mismatch');
  const other = expired(cp, 60_000, webId.replace('mesh.local', 'other.mesh'));
  t.is(await refused(t, cp, other), 'wrong-trust-domain');
});

test('one of another authority is not renewed because it has expired', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  const nowMs = Date.now() - 2 * HOUR_MS;
  const foreign = createTestAuthority().workload('shop', 'web', { nowMs, lifetimeMs: HOUR_MS });
  t.is(await refused(t, cp, foreign), 'certificate-untrusted');
});

test('one that was revoked before it expired is not renewed', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: DAY_SECONDS });
  const web = await cp.enrol('shop', 'web');
  const [leaf] = web.chain;
  if (leaf === undefined) return t.fail('expected a certificate');
  await cp.admin.revoke({ kind: 'serial', serial: serialOf(leaf) });
  await cp.clock.advance(2 * HOUR_MS);
  t.is(await refused(t, cp, web), 'certificate-revoked');

  await t.notThrowsAsync(cp.issue({}, expired(cp, 3 * HOUR_MS)), 'an expired one beside it is');
});

test('0 turns it off', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: 0 });
  t.is(await refused(t, cp, expired(cp, 5000)), 'certificate-expired');
});
