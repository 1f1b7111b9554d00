// Some 190 Compose files, for each key and form of the specification, go through inject, and through a second one.
import test from 'ava';
import { CORPUS, injectCorpus } from './corpus.ts';

test('the corpus is there', (t) => t.true(CORPUS.length >= 150, `${CORPUS.length}`));

for (const { title, text } of CORPUS) {
  test(`${title}: is injected, and comes back as it is from a second inject`, (t) => {
    const injected = injectCorpus(text);
    t.is(injectCorpus(injected), injected);
  });
}
