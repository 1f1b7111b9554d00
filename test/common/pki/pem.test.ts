import test from 'ava';
import { parsePemChain, toPem } from '../../../common/pki/pem.ts';
import { PkiError } from '../../../common/pki/pki-error.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const { issuer, root, workload } = createTestAuthority();
const { chain, leaf, privateKey } = workload('shop', 'web');
const pem = toPem(chain);

test('certificates come back in their order', (t) => {
  const parsed = parsePemChain(pem);
  t.deepEqual(
    parsed.map(({ raw }) => raw),
    [leaf.raw, issuer.certificate.raw],
  );
});

test('the PEM of roots is that of each after the other', (t) => {
  const second = createTestAuthority().root.certificate;
  const both = toPem([root.certificate, second]);
  t.deepEqual(
    parsePemChain(both).map(({ raw }) => raw),
    [root.certificate.raw, second.raw],
  );
});

const READABLE: Readonly<Record<string, string>> = {
  'with text between': `the leaf\n${pem.replace('-----\n-----', '-----\nthe issuer:\n-----')}`,
  'with line ends of Windows': pem.replaceAll('\n', '\r\n'),
  'without the last newline': pem.trimEnd(),
};
for (const [what, text] of Object.entries(READABLE)) {
  test(`PEM is read ${what}`, (t) => {
    t.is(parsePemChain(text).length, 2);
  });
}

const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const REFUSED: Readonly<Record<string, readonly [string, RegExp]>> = {
  'an empty file': ['', /got 0 whole and 0 broken/],
  'text only': ['no certificate here', /got 0 whole and 0 broken/],
  'a key instead': [keyPem, /only certificates .* PRIVATE KEY/],
  'a key behind the certificates': [`${pem}${keyPem}`, /only certificates .* PRIVATE KEY/],
  'a file that was cut': [pem.slice(0, -30), /got 1 whole and 1 broken/],
  'a file that was cut at the first': [pem.slice(0, 200), /got 0 whole and 1 broken/],
  'a label that does not match': [
    pem.replace('-----END CERTIFICATE-----', '-----END X509 CRL-----'),
    /broken/,
  ],
  'bytes that are no certificate': [
    `${pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    /certificate in PEM block 3/,
  ],
  'far too many': [toPem(Array.from({ length: 33 }, () => leaf)), /1 to 32 .* got 33/],
};
for (const [what, [text, sentence]] of Object.entries(REFUSED)) {
  test(`PEM is refused: ${what}`, (t) => {
    const error = t.throws(() => parsePemChain(text), {
      instanceOf: PkiError,
      code: 'certificate-malformed',
      message: sentence,
    });
    t.false(error.message.includes(keyPem.slice(40, 60)), 'no part of a key is shown');
  });
}

test('a hostile file of a few megabytes is refused, and not searched again from every line', (t) => {
  // With a search that starts anew at each line this would go on past the deadline of the run.
  const hostile = '-----BEGIN CERTIFICATE-----\n'.repeat(1_000_000);
  t.throws(() => parsePemChain(hostile), { instanceOf: PkiError });
});
