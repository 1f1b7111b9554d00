// One of several trusted roots vouches for a certificate: only a path that is right in itself counts,
// whatever other path OpenSSL has found.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { openAuthority } from '../../../../common/pki/authority.ts';
import { generatePrivateKey } from '../../../../common/pki/key.ts';
import { issueLeaf } from '../../../../common/pki/leaf.ts';
import { parseSpiffeId } from '../../../../common/pki/spiffe-id.ts';
import { secureContextOptions } from '../../../../common/pki/tls-options.ts';
import { leadsToRoot } from '../../../../common/pki/path/verified-path.ts';
import { createExternalPki, type ExternalOptions } from '../../../helpers/pki/external-pki.ts';
import { requires } from '../../../helpers/machine/requirements.ts';

const test = requires('openssl');
const WEB = 'spiffe://mesh.local/ns/shop/sa/web';
const DAY_MS = 24 * 60 * 60 * 1000;

/** A PKI with the roots `root` and `other`, and a caller who comes with a leaf below `issuer`. */
async function rig(t: ExecutionContext, issuer: ExternalOptions) {
  const pki = await createExternalPki(t);
  await pki.authority('other', { signer: 'other', days: 3650 });
  if (issuer.signer !== 'root') {
    await pki.authority(issuer.signer, {
      signer: 'root',
      days: 60,
      basicConstraints: 'CA:TRUE,pathlen:0',
    });
  }
  await pki.authority('issuer', issuer);
  const certificate = async (name: string) => new X509Certificate(await pki.chain(name));
  const [root, other] = [await certificate('root'), await certificate('other')];
  const authority = openAuthority(
    await certificate('issuer'),
    createPrivateKey(await pki.key('issuer')),
  );
  const privateKey = generatePrivateKey();
  const leaf = issueLeaf(authority, {
    publicKey: createPublicKey(privateKey),
    spiffeId: parseSpiffeId(WEB),
    lifetimeMs: 3_600_000,
    nowMs: Date.now(),
  });
  return {
    pki,
    certificate,
    root,
    other,
    /** Shows the leaf and these to a server that trusts both roots. */
    async present(...names: readonly string[]) {
      const chain = [leaf, ...(await Promise.all(names.map(certificate)))];
      return handshake(secureContextOptions({ chain, privateKey, roots: [root, other] }));
    },
  };
}

/** What the server gets to see, and what OpenSSL says of it. */
async function handshake(context: ReturnType<typeof secureContextOptions>) {
  const server = createServer({ ...context, requestCert: true, rejectUnauthorized: false });
  const [near, far] = duplexPair();
  const client = connect({ ...context, socket: near, rejectUnauthorized: false });
  client.on('error', () => {});
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.emit('connection', far);
  const [peer] = await accepted;
  const leaf = peer.getPeerX509Certificate();
  const answer = { leaf, authorized: peer.authorized };
  client.destroy();
  far.destroy();
  if (answer.leaf === undefined) throw new Error('expected a certificate');
  return { leaf: answer.leaf, authorized: answer.authorized };
}

const now = (): number => Date.now();

const permitted: Record<string, ExternalOptions> = {
  'an issuer that may sign leaves': { signer: 'root', basicConstraints: 'CA:TRUE,pathlen:0' },
  'constraints for its names': {
    signer: 'root',
    extensions: [
      'nameConstraints=critical,permitted;URI:mesh.local,permitted;DNS:web,permitted;DNS:shop,excluded;DNS:evil,permitted;email:example.org',
    ],
  },
  'constraints for the domain above': {
    signer: 'root',
    extensions: ['nameConstraints=critical,permitted;URI:.local'],
  },
  'the purpose of TLS': { signer: 'root', extensions: ['extendedKeyUsage=serverAuth,clientAuth'] },
};

for (const [what, options] of Object.entries(permitted)) {
  test(`a path with ${what} leads to its root and to no other`, async (t) => {
    const { present, root, other } = await rig(t, options);
    const { leaf, authorized } = await present('issuer');
    t.true(authorized);
    t.true(leadsToRoot(leaf, [root], now()));
    t.false(leadsToRoot(leaf, [other], now()));
    t.false(leadsToRoot(leaf, [], now()));
    t.false(leadsToRoot(leaf, [root], now() + 31 * DAY_MS), 'the issuer has expired then');
    t.false(leadsToRoot(leaf, [root], now() - DAY_MS), 'the issuer is not valid yet');
  });
}

const refused: Record<string, ExternalOptions> = {
  'constraints for another trust domain': {
    signer: 'root',
    extensions: ['nameConstraints=critical,permitted;URI:other.mesh'],
  },
  'constraints that exclude the trust domain': {
    signer: 'root',
    extensions: ['nameConstraints=critical,excluded;URI:mesh.local'],
  },
  'constraints for another host': {
    signer: 'root',
    extensions: ['nameConstraints=critical,permitted;DNS:api'],
  },
  'constraints for another subject': {
    signer: 'root',
    extensions: ['nameConstraints=critical,permitted;dirName:subject', '[subject]', 'O=elsewhere'],
  },
  'another purpose': { signer: 'root', extensions: ['extendedKeyUsage=emailProtection'] },
  'a critical extension that nobody knows': {
    signer: 'root',
    extensions: ['1.2.3.4.5=critical,ASN1:NULL'],
  },
  'one issuer too many': { signer: 'middle' },
};

for (const [what, options] of Object.entries(refused)) {
  test(`a path with ${what} leads nowhere, also when another root knows a way`, async (t) => {
    const { pki, present, root, other } = await rig(t, options);
    const above = options.signer === 'root' ? [] : [options.signer];
    t.false((await present('issuer', ...above)).authorized, 'OpenSSL does not like it either');
    // The other root signs the same key and name, with nothing held against them.
    const csr = String(await pki.openssl.output('req', '-in', 'issuer.csr'));
    await pki.sign('cross', csr, { signer: 'other' });
    for (const names of [
      ['cross', 'issuer', ...above],
      ['issuer', ...above, 'cross'],
      ['issuer', 'cross', ...above],
    ]) {
      t.false(leadsToRoot((await present(...names)).leaf, [root], now()), names.join());
    }
    const crossed = await present('cross');
    t.true(crossed.authorized, 'OpenSSL is content with the other one');
    t.false(leadsToRoot(crossed.leaf, [root], now()));
    t.true(leadsToRoot(crossed.leaf, [other], now()));
  });
}
