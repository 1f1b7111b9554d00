/** The glossary of ARCHITECTURE.md is short, and each of its terms is in the file that it names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { tableOf } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');
const GLOSSARY = tableOf('../ARCHITECTURE.md', 'Glossary');

/** More would be read by nobody. */
const MAX_ENTRIES = 40;

/** `trust bundle` as it is in text, in `trustBundle`, `TrustBundle`, `TRUST_BUNDLE` and `trust-bundle`. */
function isIn(source: string, term: string): boolean {
  const words = term.split(/[ -]/).map((word) => word.slice(0, -1) + '(?:' + word.slice(-1) + '|)');
  return new RegExp(words.join('[\\s_-]*'), 'i').test(source);
}

test('the glossary is short, and its terms are in order', (t) => {
  const terms = GLOSSARY.map(([term = '']) => term);
  t.true(terms.length > 20 && terms.length <= MAX_ENTRIES, `it has ${terms.length} entries`);
  t.deepEqual(
    terms,
    terms.toSorted((a, b) => a.toLowerCase().localeCompare(b.toLowerCase())),
  );
});

for (const [term = '', meaning = '', where = ''] of GLOSSARY) {
  test(`glossary: ${term}`, (t) => {
    const path = where.replaceAll('`', '');
    t.true(isIn(readFileSync(join(ROOT, path), 'utf8'), term), `${path} has the term`);
    t.notRegex(meaning, /\. /, 'one sentence');
  });
}
