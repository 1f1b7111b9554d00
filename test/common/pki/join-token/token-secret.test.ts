import test from 'ava';
import {
  generateSecret,
  hashSecret,
  secretMatches,
} from '../../../../common/pki/join-token/token-secret.ts';

test('secrets are of one width, in base36, and none comes twice', (t) => {
  const secrets = Array.from({ length: 1000 }, generateSecret);
  t.is(new Set(secrets).size, secrets.length);
  t.true(secrets.every((secret) => /^[0-9a-z]{25}$/.test(secret)));
});

test('secrets use all of 128 bits', (t) => {
  const all = (1n << 128n) - 1n;
  let [everSet, everClear] = [0n, 0n];
  for (let round = 0; round < 256; round += 1) {
    const secret = generateSecret().split('');
    const value = secret.reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
    everSet |= value;
    everClear |= ~value & all;
  }
  t.is(everSet, all);
  t.is(everClear, all);
});

test('a hash is the SHA-256 of the secret and does not hold it', (t) => {
  t.is(
    hashSecret('abc'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    'the test vector of FIPS 180',
  );
});

test('only the secret that was hashed matches', (t) => {
  const secret = generateSecret();
  const hash = hashSecret(secret);
  t.true(secretMatches(secret, hash));
  t.false(secretMatches(generateSecret(), hash));
  t.false(secretMatches('', hash));
  t.false(secretMatches(`${secret}0`, hash));
});

test('a hash that was damaged in the store matches nothing', (t) => {
  const secret = generateSecret();
  const hash = hashSecret(secret);
  for (const damaged of ['', hash.slice(2), `${hash}00`, 'no hexadecimal', `zz${hash.slice(2)}`]) {
    t.false(secretMatches(secret, damaged));
  }
});
