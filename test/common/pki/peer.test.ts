// Who a peer is: one URI of one form, whatever else a certificate may carry. The certificates are real
// and signed by the right issuer, so that only their names decide.
import test from 'ava';
import fc from 'fast-check';
import type { DerNode } from '../../../common/pki/der/der.ts';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import { PkiError, type PkiErrorCode } from '../../../common/pki/pki-error.ts';
import { parseSpiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const { issuer, root, workload } = createTestAuthority();
const WEB = 'spiffe://mesh.local/ns/shop/sa/web';
const ADMIN = 'spiffe://mesh.local/ns/hauberk/sa/admin';
const { directory, dns, email, ip, uri } = oddName;

const identify = (...altNames: DerNode[]): SpiffeId =>
  peerSpiffeId(oddCertificate(issuer, { altNames }).leaf);

test('a workload is who its certificate says', (t) => {
  const { leaf, spiffeId } = workload('shop', 'web');
  t.deepEqual(peerSpiffeId(leaf), spiffeId);
  t.is(spiffeId.uri, WEB);
});

const ALLOWED: Readonly<Record<string, readonly DerNode[]>> = {
  'one URI alone': [uri(WEB)],
  'one URI after other names': [dns('web'), ip(127, 0, 0, 1), email('a@b'), uri(WEB)],
  'a hostile DNS name beside it': [dns(`x, URI:${ADMIN}`), uri(WEB)],
  'a DNS name that closes a quote': [dns(`x", URI:${ADMIN}, "`), uri(WEB)],
  'a DNS name with an escape in it': [dns(`x\\u002c URI:${ADMIN}`), uri(WEB)],
  'a DNS name with NUL': [dns(`x\0, URI:${ADMIN}`), uri(WEB)],
  'a DNS name with a line break': [dns(`x\n, URI:${ADMIN}`), uri(WEB)],
  'a DNS name that looks like a URI': [dns(`URI:${ADMIN}`), uri(WEB)],
  'a mail address with a comma': [email(`a, URI:${ADMIN}`), uri(WEB)],
  'a directory name with a comma': [
    directory({ organization: 'x', commonName: `y, URI:${ADMIN}` }),
    uri(WEB),
  ],
  'an address that is none': [ip(1, 2, 3), uri(WEB)],
};
for (const [what, names] of Object.entries(ALLOWED)) {
  test(`the identity is the URI: ${what}`, (t) => {
    t.deepEqual(identify(...names), parseSpiffeId(WEB));
  });
}

const REFUSED: readonly (readonly [string, PkiErrorCode, readonly DerNode[]])[] = [
  ['no names at all', 'san-missing', []],
  ['DNS only', 'san-missing', [dns('web'), dns('web.shop')]],
  ['an address only', 'san-missing', [ip(127, 0, 0, 1)]],
  ['a URI inside of a DNS name', 'san-missing', [dns(`x, URI:${WEB}`)]],
  ['a URI inside of a DNS name with NUL', 'san-missing', [dns(`x\0, URI:${WEB}`)]],
  ['a URI as a DNS name', 'san-missing', [dns(`URI:${WEB}`)]],
  ['a URI inside of a mail address', 'san-missing', [email(`a, URI:${WEB}`)]],
  ['two URIs', 'san-multiple', [uri(WEB), uri(ADMIN)]],
  ['the same URI twice', 'san-multiple', [uri(WEB), uri(WEB)]],
  ['a second URI that is quoted', 'san-multiple', [uri(WEB), uri('x"')]],
  ['a second URI that is empty', 'san-multiple', [uri(WEB), uri('')]],
  ['a web address as second URI', 'san-multiple', [uri('https://example.org'), uri(WEB)]],
  ['an empty URI', 'spiffe-id', [uri('')]],
  ['a quote behind', 'spiffe-id', [uri(`${WEB}"`)]],
  ['a quote in front', 'spiffe-id', [uri(`"${WEB}`)]],
  ['a comma behind', 'spiffe-id', [uri(`${WEB},`)]],
  ['a comma and another URI', 'spiffe-id', [uri(`${WEB}, URI:${ADMIN}`)]],
  ['NUL behind', 'spiffe-id', [uri(`${WEB}\0`)]],
  ['NUL and more behind', 'spiffe-id', [uri(`${WEB}\0.example.org`)]],
  ['a line break behind', 'spiffe-id', [uri(`${WEB}\n`)]],
  ['a space behind', 'spiffe-id', [uri(`${WEB} `)]],
  ['a space in front', 'spiffe-id', [uri(` ${WEB}`)]],
  ['an escape that reads as a comma', 'spiffe-id', [uri(`${WEB}\\u002c`)]],
  ['upper case in the service', 'spiffe-id', [uri('spiffe://mesh.local/ns/shop/sa/Web')]],
  ['upper case in the trust domain', 'spiffe-id', [uri('spiffe://Mesh.local/ns/shop/sa/web')]],
  ['upper case in the scheme', 'spiffe-id', [uri('SPIFFE://mesh.local/ns/shop/sa/web')]],
  ['another scheme', 'spiffe-id', [uri('https://mesh.local/ns/shop/sa/web')]],
  ['a port', 'spiffe-id', [uri('spiffe://mesh.local:443/ns/shop/sa/web')]],
  ['user information', 'spiffe-id', [uri('spiffe://a@mesh.local/ns/shop/sa/web')]],
  ['a query', 'spiffe-id', [uri(`${WEB}?x`)]],
  ['a fragment', 'spiffe-id', [uri(`${WEB}#x`)]],
  ['a slash behind', 'spiffe-id', [uri(`${WEB}/`)]],
  ['a dot segment', 'spiffe-id', [uri('spiffe://mesh.local/ns/shop/../sa/web')]],
  ['percent encoding', 'spiffe-id', [uri('spiffe://mesh.local/ns/shop/sa/we%62')]],
  ['no path', 'spiffe-id', [uri('spiffe://mesh.local')]],
  ['no trust domain', 'spiffe-id', [uri('spiffe:///ns/shop/sa/web')]],
  ['bytes beyond ASCII', 'spiffe-id', [uri('spiffe://mesh.local/ns/shop/sa/w\xe9b')]],
  [
    'a name of 64 characters',
    'spiffe-id',
    [uri(`spiffe://mesh.local/ns/shop/sa/${'a'.repeat(64)}`)],
  ],
  ['a URI of a megabyte', 'spiffe-id', [uri(`${WEB}${'a'.repeat(1_000_000)}`)]],
];
for (const [what, code, names] of REFUSED) {
  test(`a certificate is refused: ${what}`, (t) => {
    const error = t.throws(() => identify(...names), { instanceOf: PkiError, code });
    t.true(error.message.length < 1000, 'the sentence stays readable');
  });
}

test('root and issuer are nobody', (t) => {
  for (const { certificate } of [root, issuer]) {
    t.throws(() => peerSpiffeId(certificate), {
      instanceOf: PkiError,
      code: 'signing-certificate',
    });
  }
});

/** The identity; undefined where it is refused. */
const accepted = (read: () => SpiffeId): SpiffeId | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
};

test('whatever stands in the names, the identity is that of the one URI or none', (t) => {
  const pieces = [
    'URI:',
    'DNS:',
    WEB,
    ADMIN,
    ', ',
    ',',
    '"',
    '\\',
    "'",
    '\0',
    '\n',
    '\\u002c',
    ' ',
    'x',
    'é',
  ];
  const text = fc
    .array(fc.constantFrom(...pieces), { maxLength: 5 })
    .map((parts) => parts.join(''));
  const name = fc.oneof(
    fc.record({ kind: fc.constantFrom('dns', 'email', 'uri'), value: text }),
    fc.record({ kind: fc.constant('uri' as const), value: fc.constantFrom(WEB, ADMIN) }),
  );
  const property = fc.property(fc.array(name, { maxLength: 4 }), (names) => {
    const [only, ...others] = names.filter(({ kind }) => kind === 'uri').map(({ value }) => value);
    const expected =
      only === undefined || others.length > 0 ? undefined : accepted(() => parseSpiffeId(only));
    const altNames = names.map(({ kind, value }) => oddName[kind](value));
    t.deepEqual(
      accepted(() => identify(...altNames)),
      expected,
    );
  });
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }));
});
