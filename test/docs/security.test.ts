/** Every attack of SECURITY.md is held by tests that are there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { tableOf } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');

test('each row of what attacks cost names tests that exist', (t) => {
  const rows = tableOf('../SECURITY.md', 'What attacks cost');
  t.true(rows.length > 10, 'the table was found');
  for (const [attack = '', ofAttacker = '', ofOthers = '', tests = ''] of rows) {
    t.false([ofAttacker, ofOthers].includes(''), attack);
    const files = tests.match(/test\/\S+\.test\.ts/g) ?? [];
    t.true(files.length > 0, attack);
    for (const file of files) t.true(existsSync(join(ROOT, file)), file);
  }
});
