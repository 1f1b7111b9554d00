import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createIssuer, createRoot, openAuthority } from '../../../common/pki/authority.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import {
  AUTHORITY_BACKDATE_MS,
  ISSUER_LIFETIME_MS,
  ROOT_LIFETIME_MS,
} from '../../../common/pki/lifetimes.ts';
import { PkiError } from '../../../common/pki/pki-error.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const NOW_MS = Date.UTC(2030, 5, 1, 12);
const DAY_MS = 86_400_000;
const at = { trustDomain: 'mesh.local', nowMs: NOW_MS } as const;

test('a root signs itself, for ten years', (t) => {
  const { certificate, privateKey } = createRoot(at);
  t.true(certificate.ca);
  t.true(certificate.verify(certificate.publicKey));
  t.true(certificate.checkPrivateKey(privateKey));
  t.is(certificate.issuer, certificate.subject);
  t.is(certificate.validFromDate.getTime(), NOW_MS - AUTHORITY_BACKDATE_MS);
  t.is(certificate.validToDate.getTime(), NOW_MS + ROOT_LIFETIME_MS);
});

test('an issuer is signed by its root, for thirty days', (t) => {
  const root = createRoot(at);
  const { certificate, privateKey } = createIssuer(root, at);
  t.true(certificate.ca);
  t.true(certificate.checkIssued(root.certificate));
  t.true(certificate.verify(root.certificate.publicKey));
  t.true(certificate.checkPrivateKey(privateKey));
  t.is(certificate.validToDate.getTime(), NOW_MS + ISSUER_LIFETIME_MS);
});

test('authorities of the same trust domain differ in name, key and serial number', (t) => {
  const roots = [createRoot(at), createRoot(at)].map(({ certificate }) => certificate);
  for (const part of ['subject', 'fingerprint256', 'serialNumber'] as const) {
    t.is(new Set(roots.map((root) => root[part])).size, 2, part);
  }
});

test('the SPIFFE ID of an authority is its trust domain, without a path', (t) => {
  const root = createRoot({ ...at, trustDomain: 'prod.example' });
  const issuer = createIssuer(root, { ...at, trustDomain: 'prod.example' });
  for (const { certificate } of [root, issuer]) {
    t.is(certificate.subjectAltName, 'URI:spiffe://prod.example');
  }
});

test('a trust domain longer than a name may be makes an authority all the same', (t) => {
  const trustDomain = `${'a'.repeat(200)}.example`;
  const { certificate } = createRoot({ ...at, trustDomain });
  t.is(certificate.subjectAltName, `URI:spiffe://${trustDomain}`);
  t.true(certificate.subject.startsWith(`O=${'a'.repeat(64)}\n`));
});

test('an issuer never outlives its root', (t) => {
  const root = createRoot({ ...at, lifetimeMs: DAY_MS });
  const rootEndMs = root.certificate.validToDate.getTime();
  const ends = (lifetimeMs: number): number =>
    createIssuer(root, { ...at, lifetimeMs }).certificate.validToDate.getTime();
  t.is(ends(DAY_MS / 2), NOW_MS + DAY_MS / 2);
  t.is(ends(DAY_MS), rootEndMs);
  t.is(ends(DAY_MS + 1000), rootEndMs);
  t.is(ends(ISSUER_LIFETIME_MS), rootEndMs);
});

test('an expired root makes no issuer', (t) => {
  const root = createRoot({ ...at, lifetimeMs: DAY_MS });
  t.notThrows(() => createIssuer(root, { ...at, nowMs: NOW_MS + DAY_MS - 1 }));
  const error = t.throws(() => createIssuer(root, { ...at, nowMs: NOW_MS + DAY_MS }), {
    instanceOf: PkiError,
    code: 'authority-expired',
  });
  t.regex(error.message, /expired at 2030-06-02T12:00:00\.000Z/);
});

test('times from 2050 on are GeneralizedTime, those before UTCTime', (t) => {
  const lastSecondMs = Date.UTC(2049, 11, 31, 23, 59, 59);
  const ending = (endMs: number): X509Certificate =>
    createRoot({ ...at, lifetimeMs: endMs - NOW_MS }).certificate;
  const before = ending(lastSecondMs);
  t.true(before.raw.includes('491231235959Z'));
  t.false(before.raw.includes('20491231235959Z'));
  t.is(before.validToDate.getTime(), lastSecondMs);
  const after = ending(lastSecondMs + 1000);
  t.true(after.raw.includes('20500101000000Z'));
  t.is(after.validToDate.getTime(), lastSecondMs + 1000);
  t.is(ending(Date.UTC(2199, 0)).validToDate.getUTCFullYear(), 2199);
});

test('an authority is taken up again from what was stored, and signs', (t) => {
  const root = createRoot(at);
  const reopened = openAuthority(new X509Certificate(root.certificate.raw), root.privateKey);
  const { certificate } = createIssuer(reopened, at);
  t.true(certificate.checkIssued(root.certificate));
  t.true(certificate.verify(root.certificate.publicKey));
});

test('an authority with the key of another is refused', (t) => {
  const { certificate, privateKey } = createRoot(at);
  t.notThrows(() => openAuthority(certificate, privateKey));
  const error = t.throws(() => openAuthority(certificate, generatePrivateKey()), {
    instanceOf: PkiError,
    code: 'key-mismatch',
  });
  t.true(error.message.includes(certificate.serialNumber.toLowerCase()));
});

test('a leaf is no authority', (t) => {
  const { leaf, privateKey } = createTestAuthority().workload('shop', 'web');
  t.throws(() => openAuthority(leaf, privateKey), {
    instanceOf: PkiError,
    code: 'certificate-malformed',
  });
});
