/**
 * Whatever a followed file is for a while, it changes nothing and is told of once, and good contents are taken up
 * afterwards: by the primitive here, and by each kind of file that stands on it in the tests beside them.
 */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readTextFile } from '../../../common/config/text-file.ts';
import { describeError } from '../../../common/errors.ts';
import { followFiles, READ_INTERVAL_MS } from '../../../common/files/followed-file.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { spoiledFiles } from '../../helpers/spoiled-files.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

async function rig(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const file = path.join(directory.path, 'file');
  const clock = createManualClock();
  const taken: string[] = [];
  const complaints: string[] = [];
  const followed = followFiles<string>({
    clock,
    read: () => readTextFile(file, { what: 'the file', maxBytes: 1024 }),
    isSame: (one, other) => one === other,
    async take(contents) {
      if (contents.startsWith('bad')) throw new Error(`it is ${contents}`);
      taken.push(contents);
    },
    refused: (error) => complaints.push(describeError(error)),
  });
  return { file, clock, taken, complaints, followed };
}

for (const [kind, spoil, expected] of spoiledFiles) {
  test(`${kind}: told once, and a good file afterwards is taken up`, async (t) => {
    const { file, clock, taken, complaints, followed } = await rig(t);
    await writeFile(file, 'first');
    await followed.readNow();
    const repeated = followed.start();
    t.teardown(() => repeated.close());
    await spoil(file);
    for (let round = 0; round < 5; round += 1) await clock.advance(READ_INTERVAL_MS);
    t.false(followed.valid);
    t.is(complaints.length, 1);
    t.regex(complaints[0] ?? '', expected);
    await rm(file, { recursive: true, force: true });
    await writeFile(file, 'second');
    await clock.advance(READ_INTERVAL_MS);
    t.true(followed.valid);
    t.deepEqual(taken, ['first', 'second']);
  });
}

test('contents that cannot be used are told once each, and those of before are good again', async (t) => {
  const { file, clock, taken, complaints, followed } = await rig(t);
  await writeFile(file, 'first');
  await followed.readNow();
  const repeated = followed.start();
  t.teardown(() => repeated.close());
  for (const contents of ['bad', 'bad', 'bad again', 'bad', 'first', 'bad', 'first']) {
    await writeFile(`${file}.new`, contents);
    await rename(`${file}.new`, file);
    await clock.advance(2 * READ_INTERVAL_MS);
  }
  t.deepEqual(complaints, ['it is bad', 'it is bad again', 'it is bad', 'it is bad']);
  t.deepEqual(taken, ['first', 'first', 'first'], 'put in force anew after what was wrong');
  t.true(followed.valid);
});

test('what is read is a file, whole, and not too large', async (t) => {
  const { file } = await rig(t);
  const read = (): string => readTextFile(file, { what: 'the file', maxBytes: 1024 });
  await writeFile(file, 'x'.repeat(1024));
  t.is(read().length, 1024);
  await writeFile(file, 'x'.repeat(1025));
  t.throws(read, { code: 'file-malformed' });
  await rm(file);
  t.throws(read, { code: 'file-missing' });
  await mkdir(file);
  t.throws(read, { code: 'file-unreadable' });
  await rm(file, { recursive: true });
  await symlink('/dev/zero', file);
  t.throws(read, { code: 'file-unreadable' });
});
