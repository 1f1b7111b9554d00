import test from 'ava';
import { CanarySearch } from '../../../../cli/verify/wire/canary-search.ts';

function count(needles: readonly string[], pieces: readonly string[]): number[] {
  const counts = needles.map(() => 0);
  const search = new CanarySearch(
    needles.map((needle) => Buffer.from(needle)),
    (needle) => {
      counts[needle] = (counts[needle] ?? 0) + 1;
    },
  );
  for (const piece of pieces) search.push(Buffer.from(piece));
  return counts;
}

const TEXT = 'canary and canary, a short one: can, canarycanary; ca';

for (let pieceLength = 1; pieceLength <= 20; pieceLength += 1) {
  test(`texts of different length are counted once each, in pieces of ${pieceLength}`, (t) => {
    const pieces = TEXT.match(new RegExp(`.{1,${pieceLength}}`, 'g')) ?? [];
    t.deepEqual(count(['canary', 'can', 'a short one', 'missing'], pieces), [4, 5, 1, 0]);
  });
}

test('what follows a gap is not adjacent', (t) => {
  const found: number[] = [];
  const search = new CanarySearch([Buffer.from('canary')], (needle) => found.push(needle));
  search.push(Buffer.from('can'));
  search.reset();
  search.push(Buffer.from('ary'));
  t.deepEqual(found, []);
});
