import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { isCostlyChain, isCostlyKey } from '../../common/costly-certificates.ts';
import { costlyKey } from '../helpers/pki/costly-chain.ts';
import { createTestAuthority } from '../helpers/mesh/test-authority.ts';

test('keys that PKIs have are not costly, and those that nobody has are', (t) => {
  const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { publicKey: ed25519 } = generateKeyPairSync('ed25519');
  const curves = ['P-256', 'P-384', 'P-521'].map((namedCurve) =>
    generateKeyPairSync('ec', { namedCurve }),
  );
  for (const key of [rsa, ed25519, ...curves.map(({ publicKey }) => publicKey)])
    t.false(isCostlyKey(key));
  const { publicKey: rare } = generateKeyPairSync('ec', { namedCurve: 'brainpoolP512r1' });
  const long = costlyKey({ modulusBytes: 2_048, exponentBytes: 3 });
  for (const key of [rare, long, costlyKey()]) t.true(isCostlyKey(key));
  t.false(isCostlyKey(costlyKey({ modulusBytes: 512, exponentBytes: 3 })));
});

test('our own certificates are not costly, nor is none', (t) => {
  t.false(isCostlyChain(createTestAuthority().workload('shop', 'web').leaf));
  t.false(isCostlyChain(undefined));
});
