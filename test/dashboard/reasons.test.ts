/** What the pages say of a code is what docs/errors.md says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { EDGE_SECTIONS, EVENT_SECTIONS, explanationOf } from '../../dashboard/data/reasons.ts';
import { tableOf } from '../docs/markdown.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8');

for (const section of [...EDGE_SECTIONS, ...EVENT_SECTIONS]) {
  test(`every code is found: ${section}`, (t) => {
    const rows = tableOf('errors.md', section);
    t.true(rows.length > 0);
    for (const [code = ''] of rows) {
      const found = explanationOf(PAGE, code, [section]);
      t.truthy(found?.meaning, code);
      t.truthy(found?.remedy, code);
      t.notRegex(`${found?.meaning} ${found?.remedy}`, /\]\(/, `${code} has no link`);
    }
  });
}

test('the first section that has a code counts, and a code that is in none has no words', (t) => {
  t.deepEqual(explanationOf(PAGE, 'denied-caller', EDGE_SECTIONS), {
    meaning:
      'rules, or `--allow` of this sidecar, name the callers of the port, without this one (401)',
    remedy: 'name it there, if it should be allowed',
  });
  t.is(explanationOf(PAGE, '5xx', EDGE_SECTIONS), undefined);
  t.is(explanationOf(PAGE, '', EDGE_SECTIONS), undefined);
  t.is(explanationOf('', 'denied-caller', EDGE_SECTIONS), undefined);
});
