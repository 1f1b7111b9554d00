// Of an expired leaf OpenSSL says that it has expired, whatever else is wrong: our own verification as
// of the moment before its end says the same of it as of a valid one. The odd ones are made by openssl.
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import type { X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { toPem } from '../../../../common/pki/pem.ts';
import { createRoot } from '../../../../common/pki/authority.ts';
import { pathFault, type PathFault } from '../../../../common/pki/path/verified-path.ts';
import { createDatedCertificates } from '../../../helpers/pki/dated-certificates.ts';
import { makeOddPath, makeRoot, ODD_PATHS, WEAK_PATHS } from '../../../helpers/pki/odd-paths.ts';
import { oddCertificate, oddName } from '../../../helpers/pki/odd-certificate.ts';
import type { PeerCredentials } from '../../../helpers/clients/peer-credentials.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const test = requires('openssl');
const WEB = 'spiffe://mesh.local/ns/default/sa/web';

/** The leaf as a server sees it, with what came along. */
async function presented({ privateKey, chain }: PeerCredentials): Promise<X509Certificate> {
  const { chain: own, privateKey: ownKey } = createTestAuthority().workload('shop', 'api');
  const pem = (key: PeerCredentials['privateKey']) => key.export({ type: 'pkcs8', format: 'pem' });
  const server = createServer({
    key: pem(ownKey),
    cert: toPem(own),
    requestCert: true,
    rejectUnauthorized: false,
  });
  const [near, far] = duplexPair();
  const client = connect({
    key: pem(privateKey),
    cert: toPem(chain),
    ciphers: 'DEFAULT@SECLEVEL=0',
    socket: near,
    rejectUnauthorized: false,
  });
  client.on('error', () => {});
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.emit('connection', far);
  const [peer] = await accepted;
  const leaf = peer.getPeerX509Certificate();
  client.destroy();
  far.destroy();
  if (leaf === undefined) throw new Error('expected a certificate');
  return leaf;
}

function faultOf(leaf: X509Certificate, roots: readonly X509Certificate[], atMs: number) {
  return pathFault(leaf, { roots, atMs, purposes: ['serverAuth', 'clientAuth'] });
}

test('a good leaf has no fault at any moment of its life, and is of no other root', async (t) => {
  const certificates = await createDatedCertificates(t);
  await makeRoot(certificates);
  const { chain: roots } = await certificates.credentials('root');
  for (const isExpired of [false, true]) {
    const leaf = await presented(await makeOddPath(certificates, {}, { uri: WEB, isExpired }));
    const [fromMs, endMs] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
    t.is(faultOf(leaf, roots, fromMs), undefined);
    t.is(faultOf(leaf, roots, endMs - 1), undefined);
    t.is(faultOf(leaf, roots, fromMs - 1), 'leaf-not-valid');
    t.is(faultOf(leaf, roots, endMs), 'leaf-not-valid');
    const other = createRoot({ trustDomain: 'mesh.local', nowMs: Date.now() }).certificate;
    t.is<PathFault | undefined, PathFault>(faultOf(leaf, [other], endMs - 1), 'no-path');
    t.is(faultOf(leaf, [], endMs - 1), 'no-path');
  }
});

for (const [what, odd] of Object.entries({ ...ODD_PATHS, ...WEAK_PATHS })) {
  test(`what is wrong with it is found, valid or expired: ${what}`, async (t) => {
    const certificates = await createDatedCertificates(t);
    await makeRoot(certificates);
    const { chain: roots } = await certificates.credentials('root');
    for (const isExpired of [false, true]) {
      const path = await makeOddPath(certificates, odd, { uri: WEB, isExpired });
      const leaf = await presented(path);
      // While it is valid it is asked about now.
      const atMs = isExpired ? leaf.validToDate.getTime() - 1 : Date.now();
      t.is(faultOf(leaf, roots, atMs), odd.fault, String(isExpired));
    }
  });
}

test('a leaf that leads to a root by another key of the same name does not', async (t) => {
  const [right, wrong] = [createTestAuthority(), createTestAuthority()];
  const { privateKey, leaf } = wrong.workload('shop', 'web');
  const seen = await presented({ privateKey, chain: [leaf, right.issuer.certificate] });
  const atMs = Date.now();
  t.is(faultOf(seen, [right.root.certificate], atMs), 'no-path');
  const good = right.workload('shop', 'web');
  t.is(faultOf(await presented(good), [right.root.certificate], atMs), undefined);
});

test('authorities that all sign each other cost no more than a few signatures', async (t) => {
  const { root, issuer } = createTestAuthority();
  const { privateKey, leaf } = oddCertificate(issuer, { altNames: [oddName.uri(WEB)] });
  const crowd = Array.from({ length: 12 }, () => issuer.certificate);
  const seen = await presented({ privateKey, chain: [leaf, ...crowd] });
  t.is(faultOf(seen, [root.certificate], Date.now()), 'no-path', 'too many were presented');
});
