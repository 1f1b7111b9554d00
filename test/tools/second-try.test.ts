import { join } from 'node:path';
import test from 'ava';
import { filesToTryAgain } from '../../tools/second-try.ts';

const ROOT = join(import.meta.dirname, '../..');

function tried(failures: readonly string[], failed = failures.length): unknown {
  return filesToTryAgain({ passed: 6_000, failed, failures, skipped: [] }, ROOT);
}

test('the file of a test is found by its title, and named once', (t) => {
  const titles = ['tools › second-try › a › b', 'tools › second-try › c', 'vocabulary › d'];
  t.deepEqual(tried(titles), ['test/tools/second-try.test.ts', 'test/vocabulary.test.ts']);
});

test('nothing is tried again when nothing failed, or more than chance explains', (t) => {
  t.is(tried([]), undefined);
  t.is(tried(['tools › second-try › a', 'vocabulary › d', 'architecture › e']), undefined);
});

test('nothing is tried again when something failed that no title tells', (t) => {
  t.is(tried([], 1), undefined);
  t.is(tried(['vocabulary › d'], 2), undefined);
  t.is(tried(['tools › no-such-file › d']), undefined);
});
