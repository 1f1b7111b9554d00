import test from 'ava';
import { filesToTryAgain } from '../../tools/second-try.ts';

const FILES = [
  'test/architecture.test.ts',
  'test/proxy/tools.test.ts',
  'test/tools/second-try.test.ts',
  'test/vocabulary.test.ts',
];

function ended(failures: readonly string[], failed: number, files: readonly string[]) {
  return { summary: { passed: 6_000, failed, failures, skipped: [] }, files };
}

function tried(failures: readonly string[], failed = failures.length, ran = FILES): unknown {
  return filesToTryAgain([ended(failures, failed, ran)]);
}

test('the file of a test is found by its title, and named once', (t) => {
  const titles = ['tools › second-try › a › b', 'tools › second-try › c', 'vocabulary › d'];
  t.deepEqual(tried(titles), ['test/tools/second-try.test.ts', 'test/vocabulary.test.ts']);
});

test('titles leave out the folder that all files of the run share', (t) => {
  const compose = ['test/compose/v1/verbs.test.ts', 'test/compose/verbs.test.ts'];
  t.deepEqual(tried(['verbs › a', 'v1 › verbs › b'], 2, compose), compose.toReversed());
  t.deepEqual(tried(['verbs › a'], 1, compose.slice(1)), compose.slice(1));
  t.is(tried(['tools › a'], 1), undefined, 'a file of the same name in another folder');
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

test('what failed in runs side by side counts together', (t) => {
  const one = ended(['tools › second-try › a'], 1, FILES);
  const other = (failed: readonly string[]) =>
    ended(failed, failed.length, ['test/compose/a.test.ts']);
  t.deepEqual(filesToTryAgain([one, other([])]), ['test/tools/second-try.test.ts']);
  t.deepEqual(filesToTryAgain([one, other(['a › b'])]), [
    'test/tools/second-try.test.ts',
    'test/compose/a.test.ts',
  ]);
  t.is(filesToTryAgain([one, ended(['vocabulary › a'], 1, FILES), other(['a › b'])]), undefined);
  t.is(filesToTryAgain([one, ended([], 1, FILES)]), undefined);
});
