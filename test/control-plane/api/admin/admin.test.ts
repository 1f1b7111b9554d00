import test from 'ava';
import { connectAdmin, type AdminClient } from '../../../../cli/admin/client.ts';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../../control-plane-under-test.ts';

function adminAs(cp: ControlPlaneUnderTest, { privateKey, chain }: TestIdentity): AdminClient {
  return connectAdmin({
    address: { host: '127.0.0.1', port: cp.controlPlane.grpcPort },
    credential: { ...cp.operator, privateKey, chain },
  });
}

const request = { namespace: 'shop', service: undefined, ttlSeconds: 60, uses: undefined };

const calls: Record<string, (admin: AdminClient) => Promise<unknown>> = {
  createToken: (admin) => admin.createToken(request),
  listTokens: (admin) => admin.listTokens(),
  revokeToken: (admin) => admin.revokeToken('someone'),
  verifyCertificates: (admin) => admin.verifyCertificates(undefined),
  revoke: (admin) => admin.revoke({ kind: 'identity', namespace: 'shop', service: 'web' }),
  readmit: (admin) => admin.readmit({ namespace: 'shop', service: 'web' }),
  listRevocations: (admin) => admin.listRevocations(),
  listWorkloads: (admin) => admin.listWorkloads(),
  listCertificates: (admin) =>
    admin.listCertificates({ limit: 10, namespace: undefined, service: undefined }),
};

test('no call is for anybody but operators', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = adminAs(cp, await cp.enrol('shop', 'web'));
  const stranger = adminAs(cp, createTestAuthority().workload('hauberk', 'admin'));
  t.teardown(() => Promise.all([web.close(), stranger.close()]));
  for (const [name, call] of Object.entries(calls)) {
    const asWeb = await t.throwsAsync(call(web), { instanceOf: RpcError }, name);
    t.is(asWeb?.code, 'identity-mismatch', name);
    const asStranger = await t.throwsAsync(call(stranger), { instanceOf: RpcError }, name);
    t.is(asStranger?.code, 'certificate-untrusted', name);
  }
  const { token } = await cp.admin.createToken(request);
  await t.notThrowsAsync(cp.admin.revokeToken(token.id));
  const revoked = (await cp.admin.listTokens()).find(({ id }) => id === token.id);
  t.is(revoked?.revokedMs, cp.clock.epochMs());
  await t.notThrowsAsync(cp.admin.listWorkloads());
});

const impossible = {
  'the namespace of the mesh': { namespace: 'hauberk' },
  'a namespace that is none': { namespace: 'a/b' },
  'a service that is none': { service: 'Web' },
  'no time to live': { ttlSeconds: 0 },
  'a time to live of two years': { ttlSeconds: 2 * 366 * 24 * 3600 },
};
test('a token that makes no sense is not made', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  for (const [what, part] of Object.entries(impossible)) {
    const made = cp.admin.createToken({ ...request, ...part });
    const error = await t.throwsAsync(made, { instanceOf: RpcError }, what);
    t.is(error?.code, 'request-malformed', what);
  }
  const unknown = await t.throwsAsync(cp.admin.revokeToken('nobody'), { instanceOf: RpcError });
  t.is(unknown?.code, 'not-found');
  t.deepEqual(await cp.admin.listTokens(), []);
});

test('the issuance log is told newest first, with a limit and for one identity', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  await cp.clock.advance(1000);
  const web = await cp.enrol('shop', 'web');
  await cp.clock.advance(1000);
  await cp.enrol('shop', 'api');
  await cp.clock.advance(1000);
  await cp.issue({}, web);
  const everybody = { namespace: undefined, service: undefined };
  const all = await cp.admin.listCertificates({ limit: 3, ...everybody });
  t.deepEqual(
    all.map(({ service, proof }) => `${service} ${proof}`),
    ['web renewal', 'api token', 'web token'],
  );
  const own = await cp.admin.listCertificates({ limit: 9, namespace: 'shop', service: 'web' });
  t.deepEqual(
    own.map(({ proof }) => proof),
    ['renewal', 'token'],
  );
});
