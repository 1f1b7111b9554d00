// The openssl binary is the judge: under -x509_strict it accepts every certificate that we make, with
// the complete chain and for both sides of TLS, and it refuses what ought to be refused.
import { requires } from '../../helpers/machine/requirements.ts';
import {
  createIssuer,
  createRoot,
  crossSign,
  type Authority,
} from '../../../common/pki/authority.ts';
import type { KeyAlgorithm } from '../../../common/pki/key.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { controlPlaneId } from '../../../common/pki/spiffe-id.ts';
import { createOpenssl, type Openssl } from '../../helpers/pki/openssl.ts';
import { createTestAuthority, type TestWorkload } from '../../helpers/mesh/test-authority.ts';

const test = requires('openssl');
const PURPOSES = ['sslserver', 'sslclient'] as const;
const TRUST_DOMAIN = 'mesh.local';
const HOUR_MS = 3_600_000;

const verify = async (
  openssl: Openssl,
  root: Authority,
  { leaf, chain }: Pick<TestWorkload, 'leaf' | 'chain'>,
  ...options: readonly string[]
): Promise<{ accepted: boolean; complaint: string }> => {
  await openssl.write('root.pem', toPem([root.certificate]));
  await openssl.write('issuers.pem', toPem(chain));
  await openssl.write('leaf.pem', toPem([leaf]));
  const files = ['-CAfile', 'root.pem', '-untrusted', 'issuers.pem', 'leaf.pem'];
  const strict = ['-x509_strict', '-check_ss_sig', '-policy_check'];
  const { exitCode, stderr } = await openssl.run('verify', ...strict, ...options, ...files);
  return { accepted: exitCode === 0, complaint: stderr };
};

for (const keyAlgorithm of ['p256', 'p384', 'ed25519'] satisfies KeyAlgorithm[]) {
  for (const purpose of PURPOSES) {
    test(`openssl accepts a ${keyAlgorithm} leaf as ${purpose}`, async (t) => {
      const { root, workload } = createTestAuthority();
      const verdict = await verify(
        await createOpenssl(t),
        root,
        workload('shop', 'web', { keyAlgorithm }),
        '-purpose',
        purpose,
      );
      t.deepEqual(verdict, { accepted: true, complaint: '' });
    });
  }
}

test('openssl accepts the server certificate of a control plane by name and by address', async (t) => {
  const { root, workload } = createTestAuthority();
  const controlPlane = workload('hauberk', 'control-plane', {
    spiffeId: controlPlaneId(TRUST_DOMAIN),
    lifetimeMs: 24 * HOUR_MS,
    backdateMs: HOUR_MS,
    dnsNames: ['localhost', 'control-plane'],
    ipAddresses: ['127.0.0.1', '::1', 'fd00::15'],
  });
  const openssl = await createOpenssl(t);
  const asServer = ['-purpose', 'sslserver'] as const;
  for (const address of ['127.0.0.1', '::1', 'fd00::15']) {
    const verdict = await verify(openssl, root, controlPlane, ...asServer, '-verify_ip', address);
    t.deepEqual(verdict, { accepted: true, complaint: '' });
  }
  const byName = ['-verify_hostname', 'localhost'] as const;
  t.true((await verify(openssl, root, controlPlane, ...asServer, ...byName)).accepted);

  const otherAddress = ['-verify_ip', '127.0.0.2'] as const;
  const refused = await verify(openssl, root, controlPlane, ...asServer, ...otherAddress);
  t.false(refused.accepted);
  t.regex(refused.complaint, /IP address mismatch/);
});

test('openssl accepts root and issuer by themselves', async (t) => {
  const { root, issuer } = createTestAuthority();
  const openssl = await createOpenssl(t);
  for (const { certificate } of [root, issuer]) {
    const alone = { leaf: certificate, chain: [certificate] as const };
    t.deepEqual(await verify(openssl, root, alone), { accepted: true, complaint: '' });
  }
});

test('openssl accepts a chain that ends beyond 2050', async (t) => {
  const nowMs = Date.UTC(2049, 11, 31, 23, 59, 30);
  const { root, workload } = createTestAuthority({ nowMs });
  const atTime = ['-purpose', 'sslclient', '-attime', String(nowMs / 1000 + 60)] as const;
  const verdict = await verify(await createOpenssl(t), root, workload('shop', 'web'), ...atTime);
  t.deepEqual(verdict, { accepted: true, complaint: '' });
});

test('openssl accepts a new leaf on a host whose clock is 5 minutes behind, and not on one far off', async (t) => {
  const nowMs = Date.now();
  const { root, workload } = createTestAuthority({ nowMs });
  const leaf = workload('shop', 'web');
  const openssl = await createOpenssl(t);
  const onHostBehind = (minutes: number): ReturnType<typeof verify> =>
    verify(openssl, root, leaf, '-attime', String(Math.floor(nowMs / 1000) - minutes * 60));
  t.deepEqual(await onHostBehind(5), { accepted: true, complaint: '' });
  t.regex((await onHostBehind(6)).complaint, /certificate is not yet valid/);
});

test('openssl refuses a leaf under another root, although that has the same trust domain', async (t) => {
  const { workload } = createTestAuthority();
  const verdict = await verify(
    await createOpenssl(t),
    createTestAuthority().root,
    workload('shop', 'web'),
  );
  t.false(verdict.accepted);
  t.regex(verdict.complaint, /unable to get local issuer certificate/);
});

test('openssl refuses an issuer below an issuer', async (t) => {
  const nowMs = Date.now();
  const authority = createTestAuthority({ nowMs });
  const below = createIssuer(authority.issuer, { trustDomain: TRUST_DOMAIN, nowMs });
  const { leaf } = createTestAuthority({ nowMs, issuer: below }).workload('shop', 'web');
  const chain = [leaf, below.certificate, authority.issuer.certificate] as const;
  const verdict = await verify(await createOpenssl(t), authority.root, { leaf, chain });
  t.false(verdict.accepted);
  t.regex(verdict.complaint, /path length constraint exceeded/);
});

test('openssl refuses a leaf after its end', async (t) => {
  const { root, workload } = createTestAuthority();
  const past = workload('shop', 'web', { nowMs: Date.now() - HOUR_MS, lifetimeMs: HOUR_MS / 2 });
  const verdict = await verify(await createOpenssl(t), root, past);
  t.false(verdict.accepted);
  t.regex(verdict.complaint, /certificate has expired/);
});

test('openssl reads the extensions as they were meant', async (t) => {
  const nowMs = Date.now();
  const root = createRoot({ trustDomain: TRUST_DOMAIN, nowMs });
  const issuer = createIssuer(root, { trustDomain: TRUST_DOMAIN, nowMs });
  const { leaf } = createTestAuthority({ nowMs, issuer }).workload('shop', 'web');
  const openssl = await createOpenssl(t);
  const describe = async (name: string, pem: string): Promise<string> => {
    await openssl.write(name, pem);
    const shown = await openssl.output('x509', '-in', name, '-noout', '-text');
    return shown.toString().replaceAll(/\s+/g, ' ');
  };
  const shownIssuer = await describe('issuer.pem', toPem([issuer.certificate]));
  t.true(shownIssuer.includes('X509v3 Basic Constraints: critical CA:TRUE, pathlen:0'));
  t.true(shownIssuer.includes('X509v3 Key Usage: critical Certificate Sign, CRL Sign'));
  const shownLeaf = await describe('leaf.pem', toPem([leaf]));
  t.true(shownLeaf.includes('X509v3 Basic Constraints: critical CA:FALSE'));
  t.true(shownLeaf.includes('X509v3 Key Usage: critical Digital Signature X509v3'));
  t.true(shownLeaf.includes('TLS Web Server Authentication, TLS Web Client Authentication X509v3'));
  t.true(
    shownLeaf.includes('URI:spiffe://mesh.local/ns/shop/sa/web, DNS:web, DNS:web.shop Signature'),
  );
});

test('openssl accepts a leaf under either of two roots that vouch for each other', async (t) => {
  const [former, present] = [createTestAuthority(), createTestAuthority()];
  const options = { trustDomain: TRUST_DOMAIN, nowMs: Date.now() };
  const presentByFormer = crossSign(former.root, present.root.certificate, options);
  const formerByPresent = crossSign(present.root, former.root.certificate, options);
  const openssl = await createOpenssl(t);
  const pairs = [
    [former.root, present.workload('shop', 'web'), presentByFormer],
    [present.root, former.workload('shop', 'web'), formerByPresent],
  ] as const;
  for (const [trusted, { leaf, chain }, crossSignature] of pairs) {
    const alone = await verify(openssl, trusted, { leaf, chain });
    t.false(alone.accepted, 'not without the cross-signature');
    const crossSigned = { leaf, chain: [...chain, crossSignature] as const };
    for (const purpose of PURPOSES) {
      const verdict = await verify(openssl, trusted, crossSigned, '-purpose', purpose);
      t.deepEqual(verdict, { accepted: true, complaint: '' });
    }
  }
});

test('openssl follows cross-signatures over several rotations, in the order of a control plane', async (t) => {
  const options = { trustDomain: TRUST_DOMAIN, nowMs: Date.now() };
  const [first, second, third] = [createRoot(options), createRoot(options), createTestAuthority()];
  const { leaf, chain } = third.workload('shop', 'web');
  const shown = [
    ...chain,
    crossSign(second, third.root.certificate, options),
    crossSign(first, second.certificate, options),
    ...[third.root, second, first].map(({ certificate }) => certificate),
  ] as const;
  const openssl = await createOpenssl(t);
  for (const trusted of [first, second, third.root]) {
    const verdict = await verify(openssl, trusted, { leaf, chain: [leaf, ...shown] });
    t.deepEqual(verdict, { accepted: true, complaint: '' });
  }
  const stranger = await verify(openssl, createRoot(options), { leaf, chain: [leaf, ...shown] });
  t.false(stranger.accepted);
});

test('a cross-signature ends with the root that ends first', (t) => {
  const options = { trustDomain: TRUST_DOMAIN, nowMs: Date.now() };
  const [short, long] = [createRoot({ ...options, lifetimeMs: HOUR_MS }), createRoot(options)];
  const end = short.certificate.validTo;
  t.is(crossSign(short, long.certificate, options).validTo, end);
  t.is(crossSign(long, short.certificate, options).validTo, end);
  const later = { ...options, nowMs: options.nowMs + 2 * HOUR_MS };
  for (const [by, over] of [
    [short, long],
    [long, short],
  ] as const) {
    t.throws(() => crossSign(by, over.certificate, later), { code: 'authority-expired' });
  }
});
