// The options are worth what real handshakes make of them.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls, { type ConnectionOptions, type SecureContextOptions, type TlsOptions } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import { secureContextOptions, TLS_OPTIONS } from '../../../common/pki/tls-options.ts';
import { createTestAuthority, type TestAuthority } from '../../helpers/mesh/test-authority.ts';

const WEB = 'spiffe://mesh.local/ns/shop/sa/web';

const credentials = (
  authority: TestAuthority,
  service: string,
  trusting = authority,
): SecureContextOptions => {
  const { privateKey, chain } = authority.workload('shop', service);
  return secureContextOptions({ privateKey, chain, roots: trusting.bundle.roots });
};

interface TestServer {
  readonly port: number;
  /** Why clients were refused. */
  readonly refusals: string[];
}

/** A server that tells each client who it is. */
const serve = async (
  t: ExecutionContext,
  authority: TestAuthority,
  options: TlsOptions = {},
): Promise<TestServer> => {
  const refusals: string[] = [];
  const server = tls.createServer(
    { ...credentials(authority, 'api'), requestCert: true, ...options },
    (socket) => {
      const certificate = socket.getPeerX509Certificate();
      socket.end(certificate === undefined ? 'nobody' : peerSpiffeId(certificate).uri);
    },
  );
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    refusals.push(socket.authorizationError?.toString() ?? error.code ?? error.message);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, refusals };
};

interface Answer {
  readonly text: string;
  readonly protocol: string | null;
  readonly isResumed: boolean;
  /** What a client could try to resume with. */
  readonly session: Buffer | undefined;
}

const call = async ({ port }: TestServer, options: ConnectionOptions): Promise<Answer> => {
  const checkServerIdentity = (): undefined => undefined;
  const socket = tls.connect({ host: '127.0.0.1', port, checkServerIdentity, ...options });
  let session: Buffer | undefined;
  socket.on('session', (bytes: Buffer) => (session = bytes));
  await once(socket, 'secureConnect');
  const [protocol, isResumed] = [socket.getProtocol(), socket.isSessionReused()];
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return { text: Buffer.concat(chunks).toString(), protocol, isResumed, session };
};

for (const keyAlgorithm of ['p256', 'p384', 'ed25519'] as const) {
  test(`a workload with a ${keyAlgorithm} key is known to its server`, async (t) => {
    const authority = createTestAuthority();
    const server = await serve(t, authority);
    const { privateKey, chain } = authority.workload('shop', 'web', { keyAlgorithm });
    const { roots } = authority.bundle;
    const answer = await call(server, secureContextOptions({ privateKey, chain, roots }));
    t.like(answer, { text: WEB, protocol: 'TLSv1.3' });
  });
}

test('a session cannot be resumed, which it could without these options', async (t) => {
  const authority = createTestAuthority();
  const client = credentials(authority, 'web');
  const resume = async (server: TestServer): Promise<Answer> => {
    const { session } = await call(server, client);
    if (session === undefined) throw new Error('the server offered no session');
    return call(server, { ...client, session });
  };
  t.like(await resume(await serve(t, authority)), { text: WEB, isResumed: false });
  t.like(await resume(await serve(t, authority, { secureOptions: 0 })), { isResumed: true });
});

test('the post-quantum hybrid and X25519 are served, P-256 is refused', async (t) => {
  const authority = createTestAuthority();
  const server = await serve(t, authority);
  const client = credentials(authority, 'web');
  for (const ecdhCurve of ['X25519MLKEM768', 'X25519']) {
    t.is((await call(server, { ...client, ecdhCurve })).text, WEB);
  }
  await t.throwsAsync(call(server, { ...client, ecdhCurve: 'P-256' }));
  t.deepEqual(server.refusals, ['ERR_SSL_NO_SUITABLE_KEY_SHARE']);
});

test('TLS 1.2 is refused', async (t) => {
  const authority = createTestAuthority();
  const server = await serve(t, authority);
  const outdated = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  await t.throwsAsync(call(server, { ...credentials(authority, 'web'), ...outdated }));
  t.deepEqual(server.refusals, ['ERR_SSL_UNSUPPORTED_PROTOCOL']);
});

test('a client without a certificate is refused', async (t) => {
  const authority = createTestAuthority();
  const server = await serve(t, authority);
  const ca = authority.bundle.roots.map((root) => root.toString());
  await t.throwsAsync(call(server, { ...TLS_OPTIONS, ca }), {
    code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
  });
  t.deepEqual(server.refusals, ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE']);
});

test('a client of another authority is refused, although it trusts this one', async (t) => {
  const authority = createTestAuthority();
  const server = await serve(t, authority);
  const { text } = await call(server, credentials(createTestAuthority(), 'web', authority));
  t.is(text, '');
  t.deepEqual(server.refusals, ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY']);
});

test('a client refuses a server of another authority', async (t) => {
  const authority = createTestAuthority();
  const server = await serve(t, authority);
  const distrusting = credentials(authority, 'web', createTestAuthority());
  await t.throwsAsync(call(server, distrusting), { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' });
});
