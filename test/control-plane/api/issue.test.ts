import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createCsr } from '../../../common/pki/csr.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { formatJoinToken, parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import { RpcError, type Refusal } from '../../../common/rpc/rpc-error.ts';
import type { IssueRequest, IssueResponse } from '../../../proto/gen/hauberk/v1/identity.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  startControlPlaneUnderTest,
  webId,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../control-plane-under-test.ts';

const leafOf = ({ chain: [der] }: IssueResponse): X509Certificate =>
  new X509Certificate(der ?? Buffer.alloc(0));

test('a token gives a certificate for the key of the request, and is written down', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const privateKey = generatePrivateKey();
  const response = await cp.issue({ csr: createCsr(privateKey), joinToken: await cp.token() });
  const leaf = leafOf(response);
  t.true(leaf.checkPrivateKey(privateKey));
  t.is(peerSpiffeId(leaf).uri, webId);
  t.is(response.chain.length, 2);
  t.deepEqual(
    response.bundle?.roots,
    cp.operator.roots.map(({ raw }) => raw),
  );
  const [entry] = await cp.admin.listCertificates({ limit: 1, namespace: 'shop', service: 'web' });
  t.is(entry?.serial, leaf.serialNumber.toLowerCase());
  t.is(entry?.proof, 'token');
  t.true(await cp.metric('hauberk_certificates_issued_total{proof="token"} 1'));
});

test('a certificate is renewed for its own identity, with another key', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const current = await cp.enrol('shop', 'web');
  const leaf = leafOf(await cp.issue({}, current));
  t.is(peerSpiffeId(leaf).uri, webId);
  t.not(leaf.serialNumber, current.chain[0]?.serialNumber);
  t.true(await cp.metric('hauberk_certificates_issued_total{proof="renewal"} 1'));
});

test('an operator can renew; the control plane is not renewed by anybody else', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const admin = 'spiffe://mesh.local/ns/hauberk/sa/admin';
  t.is(peerSpiffeId(leafOf(await cp.issue({ spiffeId: admin }, cp.operator))).uri, admin);
  const self = 'spiffe://mesh.local/ns/hauberk/sa/control-plane';
  const stolen = oddCertificate(cp.issuer, { altNames: [oddName.uri(self)] });
  await refused(t, cp, 'identity-mismatch', { spiffeId: self }, stolen);
});

test('the lifetime is the default, or less when less was asked for', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { leafLifetimeSeconds: 120 });
  const lifetimeSeconds = async (asked: number): Promise<number> => {
    const response = await cp.issue({ joinToken: await cp.token(), lifetimeSeconds: asked });
    return Math.ceil((leafOf(response).validToDate.getTime() - response.serverTimeMs) / 1000);
  };
  t.is(await lifetimeSeconds(0), 120);
  t.is(await lifetimeSeconds(10), 10);
  t.is(await lifetimeSeconds(604_800), 120, 'a workload does not choose to live for a week');
});

async function refused(
  t: Parameters<typeof startControlPlaneUnderTest>[0],
  cp: ControlPlaneUnderTest,
  reason: Refusal,
  request: Partial<IssueRequest>,
  identity?: TestIdentity,
): Promise<void> {
  const error = await t.throwsAsync(cp.issue(request, identity), { instanceOf: RpcError }, reason);
  t.is(error?.code, reason);
  t.true(cp.log.of('issue-refused').some((line) => line['reason'] === reason));
  t.true(await cp.metric(`hauberk_issue_refused_total{reason="${reason}"} 1`), reason);
}

test('each bad token is refused with its reason, and the good one beside it is not', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const good = await cp.token();
  const parts = parseJoinToken(good);
  const other = rootDigest(createTestAuthority().root.certificate);

  await refused(t, cp, 'token-malformed', { joinToken: good.slice(0, -1) });
  await refused(t, cp, 'token-wrong-root', {
    joinToken: formatJoinToken({ ...parts, rootDigest: other }),
  });
  await refused(t, cp, 'token-unknown', {
    joinToken: formatJoinToken({ ...parts, secret: '0'.repeat(25) }),
  });
  const unknownId = cp.issue({ joinToken: formatJoinToken({ ...parts, id: 'nobody' }) });
  const wrongId = await t.throwsAsync(unknownId, { instanceOf: RpcError });
  t.is(wrongId?.code, 'token-unknown', 'the same answer as for a wrong secret');
  await refused(t, cp, 'token-wrong-identity', { joinToken: await cp.token('shop', 'api') });

  const revoked = await cp.token();
  await cp.admin.revokeToken(parseJoinToken(revoked).id);
  await refused(t, cp, 'token-revoked', { joinToken: revoked });

  const scope = { namespace: 'shop', service: undefined };
  const once = await cp.admin.createToken({ ...scope, ttlSeconds: 60, uses: 1 });
  await t.notThrowsAsync(cp.issue({ joinToken: once.joinToken }));
  await refused(t, cp, 'token-used-up', { joinToken: once.joinToken });

  const short = await cp.admin.createToken({ ...scope, ttlSeconds: 60, uses: undefined });
  await cp.clock.advance(60_001);
  await refused(t, cp, 'token-expired', { joinToken: short.joinToken });
  await t.notThrowsAsync(cp.issue({ joinToken: good }));
});

test('each bad request is refused with its reason, and costs the token nothing', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const scope = { namespace: 'shop', service: 'web', ttlSeconds: 60, uses: 1 };
  const { joinToken } = await cp.admin.createToken(scope);
  const csr = createCsr(generatePrivateKey());
  const forged = Buffer.from(csr);
  forged.writeUInt8((forged.at(-1) ?? 0) ^ 1, forged.length - 1);

  await refused(t, cp, 'csr-malformed', { joinToken, csr: Buffer.from('no') });
  await refused(t, cp, 'csr-signature', { joinToken, csr: forged });
  await refused(t, cp, 'spiffe-id', { joinToken, spiffeId: 'spiffe://mesh.local/web' });
  await refused(t, cp, 'wrong-trust-domain', {
    joinToken,
    spiffeId: webId.replace('mesh.local', 'other.mesh'),
  });
  await refused(t, cp, 'lifetime-out-of-range', { joinToken, lifetimeSeconds: 9 });
  await t.throwsAsync(cp.issue({ joinToken, lifetimeSeconds: 604_801 }));
  await t.notThrowsAsync(cp.issue({ joinToken, csr }));
});

test('each bad certificate is refused with its reason, and a good one beside it is not', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const good = oddCertificate(cp.issuer, { altNames: [oddName.uri(webId)] });
  await t.notThrowsAsync(cp.issue({}, good), 'the issuer of the test is the real one');

  await refused(t, cp, 'certificate-missing', {});
  const stranger = createTestAuthority().workload('shop', 'web');
  await refused(t, cp, 'certificate-untrusted', {}, stranger);
  const old = { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 };
  const expired = oddCertificate(cp.issuer, { altNames: [oddName.uri(webId)], ...old });
  await refused(t, cp, 'certificate-expired', {}, expired);
  const nameless = oddCertificate(cp.issuer, { altNames: [oddName.dns('web')] });
  await refused(t, cp, 'san-missing', {}, nameless);
  const twice = [oddName.uri(webId), oddName.uri(webId.replace('web', 'api'))];
  await refused(t, cp, 'san-multiple', {}, oddCertificate(cp.issuer, { altNames: twice }));
  const foreign = [oddName.uri(webId.replace('mesh.local', 'other.mesh'))];
  await refused(t, cp, 'wrong-trust-domain', {}, oddCertificate(cp.issuer, { altNames: foreign }));
  await refused(t, cp, 'identity-mismatch', { spiffeId: webId.replace('web', 'api') }, good);
});

test('a certificate that expires on an open connection is refused', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const current = await cp.enrol('shop', 'web');
  await t.notThrowsAsync(cp.issue({}, current));
  await cp.clock.advance(3_601_000);
  await refused(t, cp, 'certificate-expired', {}, current);
});

test('a token decides, whatever certificate is there', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const stranger = createTestAuthority().workload('shop', 'web');
  await t.notThrowsAsync(cp.issue({ joinToken: await cp.token() }, stranger));
  const web = await cp.enrol('shop', 'web');
  const api = webId.replace('web', 'api');
  t.is(
    peerSpiffeId(leafOf(await cp.issue({ joinToken: await cp.token(), spiffeId: api }, web))).uri,
    api,
  );
});

test('fifty at once get one certificate with a token for one use', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const scope = { namespace: 'shop', service: undefined, ttlSeconds: 60, uses: 1 };
  const { joinToken } = await cp.admin.createToken(scope);
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, () => cp.issue({ joinToken })),
  );
  const refusals = results.filter((result) => result.status === 'rejected');
  t.is(refusals.length, 49);
  t.true(refusals.every(({ reason }) => (reason as RpcError).code === 'token-used-up'));
  const log = await cp.admin.listCertificates({ limit: 10, namespace: 'shop', service: 'web' });
  t.is(log.length, 1);
  t.is((await cp.admin.listTokens())[0]?.uses, 1);
});
