// Servers that trust many authorities: they would not fit into a CertificateRequest, and are not named.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import type { ExecutionContext } from 'ava';
import { createRoot } from '../../../common/pki/authority.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { withBoundedNames } from '../../../common/tls/authority-names.ts';
import { createOpenssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const test = requires('openssl');

const own = createTestAuthority();
const api = own.workload('shop', 'api');
const web = own.workload('shop', 'web');
const foreign = createTestAuthority().workload('shop', 'web');

/** As many roots as it takes for a list of names that no handshake can carry. */
const CROWD = Array.from(
  { length: 1500 },
  () => createRoot({ trustDomain: 'partner.example', nowMs: Date.now() }).certificate,
);

/** A server that answers each client with what it makes of its certificate. */
async function serve(t: ExecutionContext, roots: typeof CROWD): Promise<number> {
  const context = secureContextOptions({ ...api, roots });
  const server = withBoundedNames(context, (options) =>
    tls.createServer({ ...options, requestCert: true, rejectUnauthorized: false }, (socket) => {
      socket.end(socket.authorized ? 'authorized' : String(socket.authorizationError));
    }),
  );
  withBoundedNames(context, (options) => server.setSecureContext(options));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** What a client with such a certificate is told, by a program that shows what is asked of it. */
async function ask(t: ExecutionContext, port: number, client: typeof web): Promise<string> {
  const openssl = await createOpenssl(t);
  await openssl.write(
    'key.pem',
    String(client.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  );
  await openssl.write('leaf.pem', String(client.leaf));
  await openssl.write('issuer.pem', client.chain.slice(1).map(String).join(''));
  const files = ['-cert', 'leaf.pem', '-key', 'key.pem', '-cert_chain', 'issuer.pem'];
  const address = `127.0.0.1:${port}`;
  const { stdout, stderr } = await openssl.run(
    's_client',
    '-connect',
    address,
    '-ign_eof',
    ...files,
  );
  return `${String(stdout)}${stderr}`;
}

test('a few authorities are named', async (t) => {
  const port = await serve(t, [own.root.certificate]);
  const said = await ask(t, port, web);
  t.regex(said, /Acceptable client certificate CA names/);
  t.regex(said, /^authorized/m);
  t.regex(await ask(t, port, foreign), /^UNABLE_TO_/m);
});

test('many are trusted and not named', async (t) => {
  const port = await serve(t, [...CROWD, own.root.certificate]);
  const said = await ask(t, port, web);
  t.regex(said, /No client certificate CA names sent/);
  t.regex(said, /^authorized/m);
  t.regex(await ask(t, port, foreign), /^UNABLE_TO_/m);
});

test('what other contexts trust by default stays as it was', (t) => {
  const before = tls.getCACertificates('default');
  t.true(withBoundedNames({ ca: CROWD.map(String) }, ({ ca }) => ca === undefined));
  t.deepEqual(new Set(tls.getCACertificates('default')), new Set(before));
  t.throws(() =>
    withBoundedNames({ ca: CROWD.map(String) }, () => {
      throw new Error('it fails inside');
    }),
  );
  t.deepEqual(new Set(tls.getCACertificates('default')), new Set(before));
});
