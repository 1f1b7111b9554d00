import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { encodeBase36 } from '../../../../common/pki/base36.ts';
import { rootDigest } from '../../../../common/pki/join-token/root-digest.ts';
import { createOpenssl } from '../../../helpers/pki/openssl.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const valueOf = (text: string): bigint =>
  text.split('').reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);

test('a root digest is the SHA-256 of the DER in 50 characters of base36', (t) => {
  const { certificate } = createTestAuthority().root;
  const digest = rootDigest(certificate);
  t.regex(digest, /^[0-9a-z]{50}$/);
  t.is(valueOf(digest), BigInt(`0x${certificate.fingerprint256.replaceAll(':', '')}`));
});

test('another root has another digest', (t) => {
  const { root, issuer } = createTestAuthority();
  const others = [issuer, createTestAuthority().root].map(({ certificate }) => certificate);
  for (const other of others) t.not(rootDigest(other), rootDigest(root.certificate));
});

requires('openssl')("a root digest is openssl's fingerprint", async (t) => {
  const { certificate } = createTestAuthority().root;
  const openssl = await createOpenssl(t);
  await openssl.write('root.pem', certificate.toString());
  const shown = await openssl.output(
    'x509',
    '-in',
    'root.pem',
    '-noout',
    '-fingerprint',
    '-sha256',
  );
  const fingerprint = /=([0-9A-F:]+)/.exec(shown.toString())?.[1] ?? '';
  t.is(valueOf(rootDigest(certificate)), BigInt(`0x${fingerprint.replaceAll(':', '')}`));
});

test('base36 keeps its width and its value for every hash', (t) => {
  const property = fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
    const text = encodeBase36(bytes, 50);
    t.is(text.length, 50);
    t.is(valueOf(text), BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
  });
  t.notThrows(() => fc.assert(property));
  t.is(encodeBase36(new Uint8Array(32), 50), '0'.repeat(50));
  t.is(encodeBase36(new Uint8Array(32).fill(0xff), 50).length, 50);
  t.is(encodeBase36(createHash('sha256').digest().subarray(0, 0), 1), '0');
});
