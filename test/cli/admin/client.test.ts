// The admin client against a control plane that the test plays: what it asks, how it reads the answers, and
// whom it tells anything at all.
import { createPrivateKey } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connectAdmin, type AdminClient } from '../../../cli/admin/client.ts';
import { rpcError } from '../../../common/rpc/reason.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import {
  AdminService,
  type ListCertificatesRequest,
  type RevokeRequest,
  type RevokeTokenRequest,
} from '../../../proto/gen/hauberk/v1/admin.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

type Answers = Partial<
  Record<keyof typeof AdminService, (request: never) => object | grpc.StatusObject>
>;

/** A control plane that answers as told, and a client of it. */
async function underTest(
  t: ExecutionContext,
  answers: Answers,
  service = 'control-plane',
): Promise<{ readonly admin: AdminClient; readonly asked: string[] }> {
  const authority = createTestAuthority();
  const asked: string[] = [];
  const server = new grpc.Server();
  const handlers = Object.entries(answers).map(([name, answer]) => [
    name,
    (
      { request }: grpc.ServerUnaryCall<never, object>,
      callback: grpc.sendUnaryData<object>,
    ): void => {
      asked.push(name);
      const answered = answer(request);
      if ('code' in answered) callback(answered);
      else callback(null, answered);
    },
  ]);
  server.addService(
    AdminService,
    Object.fromEntries(handlers) as grpc.UntypedServiceImplementation,
  );
  const own = authority.workload('hauberk', service);
  const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(authority.root.certificate.toString()),
    [{ private_key: Buffer.from(key), cert_chain: Buffer.from(own.chain.join('')) }],
    true,
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  const port = await promise;
  const { privateKey, chain } = authority.workload('hauberk', 'admin');
  const admin = connectAdmin({
    address: { host: '127.0.0.1', port },
    credential: {
      trustDomain: 'mesh.local',
      roots: authority.bundle.roots,
      privateKey: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      chain,
    },
  });
  t.teardown(async () => {
    await admin.close();
    server.forceShutdown();
  });
  return { admin, asked };
}

const TOKEN = {
  id: 'abc',
  namespace: 'shop',
  service: 'web',
  uses: 0,
  usesAllowed: 2,
  createdMs: 5,
  expiresMs: 9,
};

const certificate = (service: string, namespace = 'shop') => ({
  serial: `0a-${service}`,
  spiffeId: `spiffe://mesh.local/ns/${namespace}/sa/${service}`,
  issuedMs: 1,
  notAfterMs: 2,
  proof: 'token',
});

test('an answer is handed on as it came, and one that lacks a part is an error that says so', async (t) => {
  const request = { namespace: 'shop', service: 'web', ttlSeconds: 60, uses: 2 };
  const requests: unknown[] = [];
  let isWhole = true;
  const { admin } = await underTest(t, {
    createToken(asked) {
      requests.push(asked);
      return { joinToken: 'secret', token: isWhole ? TOKEN : undefined };
    },
  });
  const made = await admin.createToken(request);
  t.deepEqual(requests, [request]);
  t.is(made.joinToken, 'secret');
  t.like(made.token, TOKEN);
  isWhole = false;
  await t.throwsAsync(admin.createToken(request), {
    instanceOf: RpcError,
    code: 'protocol',
    message: /expected a whole answer of the control plane, got a part of one/,
  });
});

test('what a token led to is revoked only when that was said', async (t) => {
  const requests: RevokeTokenRequest[] = [];
  const { admin } = await underTest(t, {
    revokeToken(request: RevokeTokenRequest) {
      requests.push(request);
      return { token: TOKEN, certificates: 3 };
    },
  });
  t.is((await admin.revokeToken('abc')).certificates, 3);
  await admin.revokeToken('abc', { withCertificates: true });
  t.deepEqual(
    requests.map(({ withCertificates }) => withCertificates),
    [false, true],
  );
});

test('an identity is named in full, a certificate by its serial, and neither by force unless asked', async (t) => {
  const requests: RevokeRequest[] = [];
  const { admin } = await underTest(t, {
    revoke(request: RevokeRequest) {
      requests.push(request);
      const revoked = { spiffeId: certificate('web').spiffeId, revokedMs: 5, expiresMs: 9 };
      return { revocations: [revoked] };
    },
  });
  const [revoked] = await admin.revoke({ kind: 'identity', namespace: 'shop', service: 'web' });
  await admin.revoke({ kind: 'serial', serial: '0a' }, { force: true });
  t.deepEqual(requests, [
    { force: false, target: { $case: 'spiffeId', value: 'spiffe://mesh.local/ns/shop/sa/web' } },
    { force: true, target: { $case: 'serial', value: '0a' } },
  ]);
  t.like(revoked, { namespace: 'shop', service: 'web', serial: undefined, expiresMs: 9 });
});

test('certificates: a whole identity is filtered there, a part of one here, before the limit', async (t) => {
  const requests: ListCertificatesRequest[] = [];
  const { admin } = await underTest(t, {
    listCertificates(request: ListCertificatesRequest) {
      requests.push(request);
      const all = [certificate('web'), certificate('web', 'other'), certificate('api')];
      return { certificates: [...all, certificate('db')] };
    },
  });
  const list = async (filter: { namespace?: string; service?: string }) =>
    (
      await admin.listCertificates({
        limit: 2,
        namespace: undefined,
        service: undefined,
        ...filter,
      })
    ).map(({ namespace, service }) => `${namespace}/${service}`);
  t.deepEqual(await list({ namespace: 'shop' }), ['shop/web', 'shop/api']);
  t.deepEqual(await list({ service: 'web' }), ['shop/web', 'other/web']);
  t.deepEqual(await list({ namespace: 'shop', service: 'db' }), ['shop/db']);
  t.deepEqual(await list({}), ['shop/web', 'other/web']);
  t.deepEqual(requests, [
    { limit: undefined, spiffeId: undefined },
    { limit: undefined, spiffeId: undefined },
    { limit: 2, spiffeId: 'spiffe://mesh.local/ns/shop/sa/db' },
    { limit: 2, spiffeId: undefined },
  ]);
});

test('a refusal comes with its reason and hint, anything else in one sentence', async (t) => {
  const refusal = rpcError(grpc.status.NOT_FOUND, 'not-found', 'there is no token xyz', {
    hint: 'see `hauberk token list`',
  });
  const broken = { code: grpc.status.INTERNAL, details: 'oh', metadata: new grpc.Metadata() };
  const { admin } = await underTest(t, { revokeToken: () => refusal, listTokens: () => broken });
  const refused = await t.throwsAsync(admin.revokeToken('xyz'), { instanceOf: RpcError });
  t.like(refused, { code: 'not-found', message: 'there is no token xyz' });
  t.like(refused, { hint: 'see `hauberk token list`' });
  const failed = await t.throwsAsync(admin.listTokens(), {
    instanceOf: RpcError,
    code: 'protocol',
  });
  t.regex(failed?.message ?? '', /^the control plane at 127\.0\.0\.1:\d+ .*oh/);
});

test('a workload of the mesh that says it is the control plane is asked nothing', async (t) => {
  const { admin, asked } = await underTest(t, { listTokens: () => ({ tokens: [] }) }, 'impostor');
  await t.throwsAsync(admin.listTokens(), { instanceOf: RpcError, code: 'server-identity' });
  t.deepEqual(asked, []);
});

test('a client that was closed asks nothing more', async (t) => {
  const { admin, asked } = await underTest(t, { listTokens: () => ({ tokens: [] }) });
  t.deepEqual(await admin.listTokens(), []);
  await admin.close();
  await t.throwsAsync(admin.listTokens());
  t.deepEqual(asked, ['listTokens']);
});
