// Tens of thousands of damaged requests: none is accepted unless it is byte for byte the one that was
// signed, and whatever comes, the only error is a PkiError. The seed is shown on failure; set
// HAUBERK_FUZZ_SEED to run it again.
import { randomInt } from 'node:crypto';
import test from 'ava';
import { createCsr, openCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey, type KeyAlgorithm } from '../../../common/pki/key.ts';
import { PkiError } from '../../../common/pki/pki-error.ts';
import { handMadeRequest } from '../../helpers/pki/certification-request.ts';
import { mutate } from '../../helpers/mutations.ts';
import { createRandom } from '../../helpers/random.ts';

/** Split over the algorithms: more than 20,000 in sum. */
const MUTANTS_PER_ALGORITHM = 8_000;
const seed = Number(process.env['HAUBERK_FUZZ_SEED'] ?? randomInt(2 ** 31));

const isAccepted = (der: Uint8Array): boolean => {
  try {
    openCsr(der);
    return true;
  } catch (error) {
    if (error instanceof PkiError && error.code.startsWith('csr-')) return false;
    throw error;
  }
};

for (const algorithm of ['p256', 'p384', 'ed25519'] satisfies KeyAlgorithm[]) {
  test(`no mutant of a ${algorithm} request is accepted`, (t) => {
    const random = createRandom(seed);
    const [original, other] = [1, 2].map(() => createCsr(generatePrivateKey(algorithm)));
    if (original === undefined || other === undefined) throw new Error('two requests were made');
    t.true(isAccepted(original));

    let mutants = 0;
    while (mutants < MUTANTS_PER_ALGORITHM) {
      const { mutant, history } = mutate(original, { random, other });
      if (mutant.equals(original) || mutant.equals(other)) continue;
      mutants += 1;
      const context = `seed ${seed}, ${history.join(' + ')}, ${mutant.toString('hex')}`;
      try {
        if (isAccepted(mutant))
          return t.fail(`accepted a mutant of ${original.toString('hex')}: ${context}`);
      } catch (error) {
        return t.fail(`threw ${String(error)} instead of a PkiError: ${context}`);
      }
    }
    return t.is(mutants, MUTANTS_PER_ALGORITHM);
  });
}

test('every single bit of a request matters', (t) => {
  const original = createCsr(generatePrivateKey());
  t.true(isAccepted(original));
  const accepted = Array.from({ length: original.length * 8 }, (_, bit) => bit).filter((bit) => {
    const mutant = Buffer.from(original);
    mutant[bit >> 3] = (mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return isAccepted(mutant);
  });
  t.deepEqual(accepted, [], 'bits that may be flipped');
});

test('every truncation of a request is refused', (t) => {
  const original = createCsr(generatePrivateKey());
  for (let length = 0; length < original.length; length += 1) {
    if (isAccepted(original.subarray(0, length))) return t.fail(`accepted ${length} bytes`);
  }
  return t.true(isAccepted(original));
});

test('bytes without any structure never throw anything but a PkiError', (t) => {
  const random = createRandom(seed);
  const noises = Array.from({ length: 2_000 }, () =>
    Buffer.from(Array.from({ length: random(300) }, () => random(256))),
  );
  const outcomes = noises.map((noise) => {
    try {
      return isAccepted(noise) ? `accepted ${noise.toString('hex')}` : 'refused';
    } catch (error) {
      return `threw ${String(error)} for ${noise.toString('hex')}`;
    }
  });
  t.deepEqual([...new Set(outcomes)], ['refused'], `seed ${seed}`);
});

test('the mutations reach every kind of refusal, so they are no mere noise', (t) => {
  const random = createRandom(seed);
  const original = handMadeRequest({ privateKey: generatePrivateKey() });
  const codes = new Set<string>();
  for (let round = 0; round < 2_000; round += 1) {
    const { mutant } = mutate(original, { random, other: original });
    try {
      openCsr(mutant);
    } catch (error) {
      codes.add(error instanceof PkiError ? error.code : 'another error');
    }
  }
  t.deepEqual([...codes].sort(), ['csr-key-unsupported', 'csr-malformed', 'csr-signature']);
});
