// The SPIFFE bundle format: what we write is read as it was meant, and nothing but roots is taken.
import { createPublicKey } from 'node:crypto';
import test from 'ava';
import { createIssuer, createRoot } from '../../../common/pki/authority.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { PkiError } from '../../../common/pki/pki-error.ts';
import {
  encodeSpiffeBundle,
  parseBundleFile,
  parseSpiffeBundle,
} from '../../../common/pki/spiffe-bundle.ts';

const trustDomain = 'partner.example';
const nowMs = Date.now();
const newRoot = (name = trustDomain) => createRoot({ trustDomain: name, nowMs });

test('a bundle is a JWK set with a certificate for each root', (t) => {
  const roots = [newRoot().certificate, newRoot().certificate];
  const text = encodeSpiffeBundle({ roots, sequence: 12, refreshHintSeconds: 300 });
  const document = JSON.parse(text) as { keys: Record<string, unknown>[] };
  t.like(document, { spiffe_sequence: 12, spiffe_refresh_hint: 300 });
  for (const [at, key] of document.keys.entries()) {
    t.like(key, { use: 'x509-svid', kty: 'EC', crv: 'P-256' });
    t.deepEqual(key['x5c'], [roots[at]?.raw.toString('base64')]);
    t.true(roots[at]?.publicKey.equals(createPublicKey({ key, format: 'jwk' })));
    t.false('d' in key);
  }
  const read = parseSpiffeBundle(text, trustDomain);
  t.deepEqual(read.roots.map(String), roots.map(String));
  t.is(read.sequence, 12);
  t.is(read.refreshHintSeconds, 300);
});

test('what is for other uses is ignored, and so is what nobody knows', (t) => {
  const root = newRoot().certificate;
  const written = JSON.parse(encodeSpiffeBundle({ roots: [root] })) as { keys: object[] };
  const document = {
    ...written,
    next: true,
    keys: [{ use: 'jwt-svid', kid: 'a', kty: 'EC' }, { kty: 'oct' }, ...written.keys],
  };
  const { roots, sequence } = parseSpiffeBundle(JSON.stringify(document), trustDomain);
  t.deepEqual(roots.map(String), [String(root)]);
  t.is(sequence, undefined);
});

test('a bundle without keys takes all of them back', (t) => {
  t.deepEqual(parseSpiffeBundle('{"keys":[]}', trustDomain).roots, []);
});

test('a file may hold PEM instead', (t) => {
  const root = newRoot().certificate;
  t.deepEqual(parseBundleFile(toPem([root]), trustDomain).roots.map(String), [String(root)]);
  const json = encodeSpiffeBundle({ roots: [root] });
  t.deepEqual(parseBundleFile(`\n${json}`, trustDomain).roots.map(String), [String(root)]);
});

const key = (x5c: unknown) => JSON.stringify({ keys: [{ use: 'x509-svid', x5c }] });
const base64 = (...all: readonly { raw: Buffer }[]) => all.map(({ raw }) => raw.toString('base64'));

const refused: Record<string, readonly [reason: RegExp, text: () => string]> = {
  'no JSON': [/expected a SPIFFE bundle/, () => 'garbage'],
  'no keys': [/expected a SPIFFE bundle.*keys/, () => '{}'],
  'a sequence that is no number': [/spiffe_sequence/, () => '{"spiffe_sequence":"1","keys":[]}'],
  'a root without a certificate': [/one certificate for each root .* got 0/, () => key(undefined)],
  'two certificates in one key': [
    /got 2/,
    () => key(base64(newRoot().certificate, newRoot().certificate)),
  ],
  'something else than a certificate': [/got other bytes/, () => key(['AAAA'])],
  'an issuer': [
    /which (is not self-signed|may not sign any)/,
    () => key(base64(createIssuer(newRoot(), { trustDomain, nowMs }).certificate)),
  ],
  'a root of another trust domain': [
    /expected a root of spiffe:\/\/partner\.example, got .* of spiffe:\/\/mesh\.local/,
    () => key(base64(newRoot('mesh.local').certificate)),
  ],
  'too many roots': [
    /at most 32 roots/,
    () => {
      const one = { use: 'x509-svid', x5c: base64(newRoot().certificate) };
      return JSON.stringify({ keys: Array.from({ length: 33 }, () => one) });
    },
  ],
};

for (const [what, [message, text]] of Object.entries(refused)) {
  test(`a bundle with ${what} is refused`, (t) => {
    const error = t.throws(() => parseSpiffeBundle(text(), trustDomain), {
      instanceOf: PkiError,
      message,
    });
    t.is(error?.code, 'certificate-malformed');
  });
}
