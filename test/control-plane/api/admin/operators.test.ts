/** A copied credential of an operator does not live for ever, and is seen where it is used. */
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connectAdmin } from '../../../../cli/admin/client.ts';
import type { EpochMs } from '../../../../common/clock.ts';
import { createCsr } from '../../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../../common/pki/key.ts';
import { RevocationList, serialOf } from '../../../../common/pki/revocation.ts';
import { parseSpiffeId } from '../../../../common/pki/spiffe-id.ts';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { requireAdmin } from '../../../../control-plane/api/caller.ts';
import { fingerprintOf } from '../../../../control-plane/ca/issuance/record.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { oddCertificate, oddName } from '../../../helpers/pki/odd-certificate.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../../control-plane-under-test.ts';

const ADMIN = 'spiffe://mesh.local/ns/hauberk/sa/admin';
const DAY_SECONDS = 86_400;
const HOUR_MS = 3_600_000;

async function renew(cp: ControlPlaneUnderTest, identity: TestIdentity): Promise<TestIdentity> {
  const privateKey = generatePrivateKey();
  const request = { csr: createCsr(privateKey), spiffeId: ADMIN, lifetimeSeconds: 7 * DAY_SECONDS };
  const { chain } = await cp.issue(request, identity);
  return { privateKey, chain: chain.map((der) => new X509Certificate(der)) };
}

function leafOf({ chain: [leaf] }: TestIdentity): X509Certificate {
  if (leaf === undefined) throw new Error('expected a certificate');
  return leaf;
}

async function refusalOf(t: ExecutionContext, call: Promise<unknown>): Promise<RpcError> {
  const error = await t.throwsAsync(call, { instanceOf: RpcError });
  if (error === undefined) throw new Error('expected a refusal');
  return error;
}

test('renewals of an operator end a bounded time after the first issue, whatever is in between', async (t) => {
  const cp = await startControlPlaneUnderTest(t, {
    operatorRenewal: 3600,
    startedAgoMs: HOUR_MS - 600_000,
  });
  const firstMs = cp.clock.epochMs();
  const endsAfterMs = (identity: TestIdentity): number =>
    leafOf(identity).validToDate.getTime() - firstMs;
  let identity = await renew(cp, cp.operator);
  // All of the time that is left, and not a week.
  t.true(Math.abs(endsAfterMs(identity) - HOUR_MS) < 5_000);
  await cp.clock.advance(HOUR_MS / 2);
  identity = await renew(cp, identity);
  t.true(Math.abs(endsAfterMs(identity) - HOUR_MS) < 5_000);
  await cp.clock.advance(HOUR_MS / 2 - 11_000);
  await t.notThrowsAsync(renew(cp, cp.operator));
  await cp.clock.advance(5_000);
  const refusal = await refusalOf(t, renew(cp, cp.operator));
  t.is(refusal.code, 'operator-renewal-over', 'it is valid for days more');
  t.regex(refusal.message, /--operator-renewal/);
});

test('0 turns it off, and leaves the credential as it is', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { operatorRenewal: 0 });
  t.is((await refusalOf(t, renew(cp, cp.operator))).code, 'operator-renewal-over');
  await t.notThrowsAsync(cp.admin.listTokens());
  await t.notThrowsAsync(cp.renew(await cp.enrol('shop', 'web')), 'it is about operators alone');
});

test('an operator that the log does not know is not renewed', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const stranger = oddCertificate(cp.issuer, { altNames: [oddName.uri(ADMIN)] });
  const refusal = await refusalOf(t, renew(cp, stranger));
  t.is(refusal.code, 'operator-renewal-over');
  t.regex(refusal.message, /does not know/);
});

test('a valid certificate that names an operator, and that the log does not know, is no operator', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const address = { host: '127.0.0.1', port: cp.controlPlane.grpcPort };
  for (const name of ['admin', 'control-plane']) {
    const uri = `spiffe://mesh.local/ns/hauberk/sa/${name}`;
    const odd = oddCertificate(cp.issuer, { altNames: [oddName.uri(uri)] });
    const client = connectAdmin({ address, credential: { ...cp.operator, ...odd } });
    t.teardown(() => client.close());
    const refusal = await refusalOf(t, client.listTokens());
    t.is(refusal.code, name === 'admin' ? 'certificate-untrusted' : 'identity-mismatch');
    t.regex(refusal.hint ?? '', /admin\.pem/);
  }
  await t.notThrowsAsync(cp.admin.listTokens(), 'what the control plane has issued is');
  t.is((await cp.admin.listOperators()).length, 1);
});

test('an entry of the log is about one certificate, byte by byte', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const certificate = leafOf(cp.operator);
  const record = {
    serial: serialOf(certificate),
    spiffeId: ADMIN,
    issuedMs: 0 as EpochMs,
    notAfterMs: 0 as EpochMs,
    proof: 'self',
  } as const;
  const spiffeId = parseSpiffeId(ADMIN);
  const ask = (fingerprint?: string) =>
    requireAdmin(
      { kind: 'workload', spiffeId, certificate },
      {
        trustDomain: 'mesh.local',
        view: { revocations: () => RevocationList.EMPTY },
        ca: { issuanceOf: async () => ({ ...record, fingerprint }) },
      },
    );
  await t.notThrowsAsync(ask(fingerprintOf(certificate)));
  // Of an old version; and of another certificate with the same serial number.
  for (const fingerprint of [undefined, '00'.repeat(32)]) {
    await t.throwsAsync(ask(fingerprint), { code: 'certificate-untrusted' });
  }
});

test('each credential is listed with where it was used last, and can be revoked alone', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  // Within one millisecond the log has no order.
  await cp.clock.advance(1_000);
  const copy = await renew(cp, cp.operator);
  await cp.clock.advance(1_000);
  const again = await renew(cp, copy);
  const address = { host: '127.0.0.1', port: cp.controlPlane.grpcPort };
  const copyist = connectAdmin({ address, credential: { ...cp.operator, ...copy } });
  t.teardown(() => copyist.close());
  await copyist.listTokens();

  const [third, second, first] = await cp.admin.listOperators();
  const serials = [again, copy, cp.operator].map((one) => serialOf(leafOf(one)));
  t.deepEqual([third?.serial, second?.serial, first?.serial], serials);
  t.like(first, { proof: 'self', revoked: false, renewedFrom: undefined });
  t.like(first, { lastAddress: '127.0.0.1', lastCall: 'Admin.ListOperators' });
  t.like(second, { proof: 'renewal', renewedFrom: serials[2] });
  t.like(second, { lastAddress: '127.0.0.1', lastCall: 'Admin.ListTokens' });
  t.is(second?.firstIssuedMs, first?.issuedMs);
  t.is(third?.firstIssuedMs, first?.issuedMs);
  t.is(third?.lastUsedMs, undefined);

  // With what it was renewed to, and without what it was renewed from.
  await cp.admin.revoke({ kind: 'serial', serial: serials[1] ?? '' });
  t.is((await refusalOf(t, copyist.listTokens())).code, 'certificate-revoked');
  t.is((await refusalOf(t, renew(cp, again))).code, 'certificate-revoked');
  const states = await eventually('the view says so', async () => {
    const revoked = (await cp.admin.listOperators()).map((one) => one.revoked);
    return revoked.includes(true) ? revoked : undefined;
  });
  t.deepEqual(states, [true, true, false]);
});
