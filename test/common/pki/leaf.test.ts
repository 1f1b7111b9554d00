import { createPublicKey, generateKeyPairSync, type X509Certificate } from 'node:crypto';
import test from 'ava';
import { createIssuer, createRoot } from '../../../common/pki/authority.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { issueLeaf, issuedMsOf, type LeafOptions } from '../../../common/pki/leaf.ts';
import {
  CLOCK_SKEW_MS,
  MAX_LEAF_LIFETIME_MS,
  MIN_LEAF_LIFETIME_MS,
} from '../../../common/pki/lifetimes.ts';
import { PkiError } from '../../../common/pki/pki-error.ts';
import type { JudgedCertificate } from '../../../common/pki/revocation.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';

const NOW_MS = Date.UTC(2030, 5, 1, 12);
const HOUR_MS = 3_600_000;
const at = { trustDomain: 'mesh.local', nowMs: NOW_MS } as const;
const issuer = createIssuer(createRoot(at), at);
const publicKey = createPublicKey(generatePrivateKey());
const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

const issue = (options: Partial<LeafOptions> = {}): X509Certificate =>
  issueLeaf(issuer, { publicKey, spiffeId: web, nowMs: NOW_MS, lifetimeMs: HOUR_MS, ...options });

test('a leaf belongs to its key and its issuer, and is no authority', (t) => {
  const leaf = issue();
  t.true(leaf.publicKey.equals(publicKey));
  t.true(leaf.checkIssued(issuer.certificate));
  t.true(leaf.verify(issuer.certificate.publicKey));
  t.false(leaf.ca);
  t.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
});

test('a leaf has one URI and the names under which others call the service', (t) => {
  t.is(issue().subjectAltName, `URI:${web.uri}, DNS:web, DNS:web.shop`);
});

test('names that are no host names are left out', (t) => {
  const names = (namespace: string, service: string): string | undefined =>
    issue({ spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace, service }) }).subjectAltName;
  t.is(names('my_shop', 'web'), 'URI:spiffe://mesh.local/ns/my_shop/sa/web, DNS:web');
  t.is(names('shop', 'my_web'), 'URI:spiffe://mesh.local/ns/shop/sa/my_web');
});

test('names and addresses that were asked for replace and extend the usual ones', (t) => {
  const leaf = issue({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] });
  t.is(leaf.checkHost('localhost'), 'localhost');
  t.is(leaf.checkHost('web'), undefined);
  t.is(leaf.checkIP('127.0.0.1'), '127.0.0.1');
  t.is(leaf.checkIP('::1'), '::1');
  t.is(issue({ dnsNames: [] }).subjectAltName, `URI:${web.uri}`);
});

for (const name of [
  '',
  'Web',
  '*.shop',
  'a..b',
  '-a',
  'a b',
  'a\0',
  'ä',
  'x, URI:y',
  'web.',
  'a_b',
]) {
  test(`the DNS name ${JSON.stringify(name)} is refused`, (t) => {
    const error = t.throws(() => issue({ dnsNames: [name] }), {
      instanceOf: PkiError,
      code: 'certificate-malformed',
    });
    t.true(error.message.includes(JSON.stringify(name)));
  });
}

for (const address of [
  '',
  'localhost',
  '127.0.0',
  '127.1',
  'fe80::1%eth0',
  '::1/128',
  '010.0.0.1',
]) {
  test(`the address ${JSON.stringify(address)} is refused`, (t) => {
    t.throws(() => issue({ ipAddresses: [address] }), {
      instanceOf: PkiError,
      code: 'certificate-malformed',
    });
  });
}

test('a lifetime counts from issue, and NotBefore lies before it by the clock skew', (t) => {
  for (const lifetimeMs of [MIN_LEAF_LIFETIME_MS, HOUR_MS, MAX_LEAF_LIFETIME_MS]) {
    const leaf = issue({ lifetimeMs });
    t.is(leaf.validFromDate.getTime(), NOW_MS - CLOCK_SKEW_MS);
    t.is(leaf.validToDate.getTime(), NOW_MS + lifetimeMs);
  }
  t.is(issue({ backdateMs: HOUR_MS }).validFromDate.getTime(), NOW_MS - HOUR_MS);
});

test('times are cut to whole seconds, so that a leaf never lasts longer than it should', (t) => {
  const leaf = issue({ nowMs: NOW_MS + 999, lifetimeMs: 10_500, backdateMs: 0 });
  t.is(leaf.validFromDate.getTime(), NOW_MS);
  t.is(leaf.validToDate.getTime(), NOW_MS + 11_000);
});

test('a leaf never outlives its issuer', (t) => {
  const endMs = issuer.certificate.validToDate.getTime();
  const end = (nowMs: number): number =>
    issue({ nowMs, lifetimeMs: HOUR_MS }).validToDate.getTime();
  t.is(end(endMs - HOUR_MS - 1000), endMs - 1000);
  t.is(end(endMs - HOUR_MS), endMs);
  t.is(end(endMs - HOUR_MS / 2), endMs);
  t.is(end(endMs - 1), endMs);
  t.throws(() => end(endMs), { instanceOf: PkiError, code: 'authority-expired' });
});

test('a leaf for any other kind of key is refused', (t) => {
  const keys = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    generateKeyPairSync('ed448'),
  ];
  for (const key of keys) {
    t.throws(() => issue({ publicKey: key.publicKey }), {
      instanceOf: PkiError,
      code: 'csr-key-unsupported',
    });
  }
});

test('a key that came with a compressed point stands uncompressed in its leaf', (t) => {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const point = Buffer.concat([Buffer.of(2 + ((spki.at(-1) ?? 0) & 1)), spki.subarray(-64, -32)]);
  const header = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex');
  const der = Buffer.concat([header, point]);
  const compressed = createPublicKey({ key: der, format: 'der', type: 'spki' });
  t.true(compressed.equals(publicKey));
  t.true(issue({ publicKey: compressed }).raw.includes(spki));
});

test('serial numbers are positive, 16 bytes, and use all of their random bits', (t) => {
  const serials = Array.from({ length: 256 }, () => BigInt(`0x${issue().serialNumber}`));
  t.is(new Set(serials).size, serials.length);
  let [everSet, everClear] = [0n, 0n];
  const all = (1n << 112n) - 1n;
  for (const serial of serials) {
    t.is(serial & 0xffffn, 0n, 'at the beginning of a second');
    everSet |= serial >> 16n;
    everClear |= ~(serial >> 16n) & all;
  }
  // The first bit is always 0 and the second always 1; the other 110 take both values.
  t.is(everSet, all >> 1n);
  t.is(everClear, all ^ (1n << 110n));
});

test('a serial number says in which millisecond of its second a leaf was issued', (t) => {
  for (const ms of [0, 1, 255, 256, 999]) {
    const nowMs = NOW_MS + ms;
    t.is(issuedMsOf(issue({ nowMs })), nowMs);
  }
  const random = { ...pick(issue()), serialNumber: 'FF'.repeat(16) };
  t.is(Math.floor(issuedMsOf(random) / 1000), NOW_MS / 1000, 'one of an older version');
});

function pick({ serialNumber, validFromDate }: X509Certificate): JudgedCertificate {
  return { serialNumber, validFromDate };
}
