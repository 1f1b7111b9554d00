import test from 'ava';
import fc from 'fast-check';
import { rootDigest } from '../../../../common/pki/join-token/root-digest.ts';
import {
  formatJoinToken,
  parseJoinToken,
  type JoinToken,
} from '../../../../common/pki/join-token/join-token.ts';
import { JoinTokenError } from '../../../../common/pki/join-token/join-token-error.ts';
import { generateSecret } from '../../../../common/pki/join-token/token-secret.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const DIGEST = '1utcpzqza4qbklasotaa05epxpcnxmrug1zj5hwgfyyuv038kc';
const ID = 'k3v9x2';
const SECRET = '0s3cr3tzzzzzzzzzzzzzzzzzz';
const TOKEN = `hbk-1-${DIGEST}-${ID}-${SECRET}`;

const base36 = (minLength: number, maxLength = minLength): fc.Arbitrary<string> => {
  const unit = fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz'.split(''));
  return fc.string({ unit, minLength, maxLength });
};
const anyToken: fc.Arbitrary<JoinToken> = fc.record({
  rootDigest: base36(50),
  id: base36(1, 32),
  secret: base36(25),
});

test('a token has the parts that it was made of', (t) => {
  t.deepEqual(parseJoinToken(TOKEN), { rootDigest: DIGEST, id: ID, secret: SECRET });
  t.is(formatJoinToken({ rootDigest: DIGEST, id: ID, secret: SECRET }), TOKEN);
});

test('a token of a real root and a real secret can be read back', (t) => {
  const digest = rootDigest(createTestAuthority().root.certificate);
  const parts = { rootDigest: digest, id: ID, secret: generateSecret() };
  t.deepEqual(parseJoinToken(formatJoinToken(parts)), parts);
});

test('every token can be read back, with any white space around it', (t) => {
  const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 });
  const property = fc.property(anyToken, space, space, (token, before, after) => {
    t.deepEqual(parseJoinToken(`${before}${formatJoinToken(token)}${after}`), token);
  });
  t.notThrows(() => fc.assert(property));
});

test('a token is safe in a shell: nothing in it needs a quote', (t) => {
  const property = fc.property(anyToken, (token) => /^[0-9a-z-]+$/.test(formatJoinToken(token)));
  t.notThrows(() => fc.assert(property));
});

const MALFORMED: readonly (readonly [string, string, RegExp])[] = [
  ['nothing', '', /begins with hbk-/],
  ['another kind of token', 'SWMTKN-1-abc-def', /begins with hbk-/],
  ['upper case', TOKEN.toUpperCase(), /begins with hbk-/],
  ['quotes around it', `"${TOKEN}"`, /begins with hbk-/],
  ['another version', TOKEN.replace('-1-', '-2-'), /of version 1, got one of another version/],
  ['a token cut after its id', `hbk-1-${DIGEST}-${ID}`, /of 5 parts .* got 4/],
  ['a hyphen too many', `${TOKEN}-`, /of 5 parts .* got 6/],
  ['two tokens', `${TOKEN}\n${TOKEN}`, /of 5 parts .* got 9/],
  ['a digest too short', TOKEN.replace(DIGEST, DIGEST.slice(1)), /root digest .* 50 .* got 49/],
  ['a digest too long', TOKEN.replace(DIGEST, `${DIGEST}0`), /root digest .* 50 .* got 51/],
  [
    'a digest in upper case',
    TOKEN.replace(DIGEST, DIGEST.toUpperCase()),
    /root digest .* only 0-9/,
  ],
  ['no id', TOKEN.replace(ID, ''), /id to have 1 to 32 characters, got 0/],
  ['an id too long', TOKEN.replace(ID, 'a'.repeat(33)), /id to have 1 to 32 characters, got 33/],
  ['an id with a slash', TOKEN.replace(ID, '../x'), /id to hold only 0-9 and a-z/],
  ['no secret', TOKEN.replace(SECRET, ''), /secret to have 25 characters, got 0/],
  ['a secret cut short', TOKEN.slice(0, -1), /secret to have 25 characters, got 24/],
  ['a secret too long', `${TOKEN}0`, /secret to have 25 characters, got 26/],
  ['a secret beyond ASCII', `${TOKEN.slice(0, -1)}é`, /secret to hold only 0-9 and a-z/],
  ['a line break inside', TOKEN.replace(SECRET, `${SECRET.slice(0, 24)}\n`).concat('0'), /secret/],
];

for (const [what, text, sentence] of MALFORMED) {
  test(`it is no token: ${what}`, (t) => {
    const error = t.throws(() => parseJoinToken(text), {
      instanceOf: JoinTokenError,
      code: 'token-malformed',
      message: sentence,
    });
    t.true(error.hint?.includes('hauberk token create'));
  });
}

test('no error shows the secret, wherever in the text it stands', (t) => {
  const damages: readonly ((token: string) => string)[] = [
    (token) => token.replace('hbk-', ''),
    (token) => token.replace('-1-', '-'),
    (token) => token.replace(`${DIGEST}-`, ''),
    (token) => token.replace(`${ID}-`, ''),
    (token) => `${token}x`,
    (token) => token.toUpperCase(),
    (token) => token.split('-').toReversed().join('-'),
    (token) => token.replace(SECRET, `${SECRET}-${SECRET}`),
  ];
  for (const damage of damages) {
    const text = damage(TOKEN);
    const error = t.throws(() => parseJoinToken(text), { instanceOf: JoinTokenError });
    const shown = `${error.message} ${error.hint} ${error.stack}`.toLowerCase();
    for (let at = 0; at + 6 <= SECRET.length - 14; at += 1) {
      t.false(shown.includes(SECRET.slice(at, at + 6)), text);
    }
  }
});

test('any text is a token or a JoinTokenError', (t) => {
  const piece = fc.oneof(fc.constantFrom('hbk', '1', '-', DIGEST, ID, SECRET, '\n'), fc.string());
  const text = fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(''));
  const property = fc.property(text, (candidate) => {
    try {
      return formatJoinToken(parseJoinToken(candidate)) === candidate.trim();
    } catch (error) {
      return error instanceof JoinTokenError;
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2000 }));
});

test('parts that could not be read back make no token', (t) => {
  const parts: JoinToken = { rootDigest: DIGEST, id: ID, secret: SECRET };
  t.notThrows(() => formatJoinToken(parts));
  const damaged: JoinToken[] = [
    { ...parts, rootDigest: DIGEST.slice(1) },
    { ...parts, id: 'a-b' },
    { ...parts, id: '' },
    { ...parts, secret: 'short' },
  ];
  for (const wrong of damaged)
    t.throws(() => formatJoinToken(wrong), { instanceOf: JoinTokenError });
});
