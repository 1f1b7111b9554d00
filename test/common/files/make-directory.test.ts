import { statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { makeDirectory } from '../../../common/files/make-directory.ts';

test('missing directories are made with the mode, down from the first that is there', async (t) => {
  const base = await mkdtemp(path.join(tmpdir(), 'hauberk-test-'));
  t.teardown(() => rm(base, { recursive: true }));
  const wanted = path.join(base, 'a', 'b', 'c');
  t.is(makeDirectory(wanted, 0o700), path.join(base, 'a'));
  t.is(statSync(wanted).mode & 0o777, 0o700);
  t.is(makeDirectory(wanted, 0o700), undefined);
});

test('a parent that is a file is an error', async (t) => {
  const base = await mkdtemp(path.join(tmpdir(), 'hauberk-test-'));
  t.teardown(() => rm(base, { recursive: true }));
  writeFileSync(path.join(base, 'file'), '');
  t.throws(() => makeDirectory(path.join(base, 'file', 'child'), 0o700), { code: 'ENOTDIR' });
});

test('a parent that takes no children is an error, and not a wait without end', (t) => {
  const error = t.throws(() => makeDirectory('/dev/fd/hauberk/child', 0o700));
  t.regex((error as NodeJS.ErrnoException).code ?? '', /^(ENOENT|EACCES|EPERM|EROFS|ENOTDIR)$/);
});
