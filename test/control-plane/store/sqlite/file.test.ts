import { chmod, mkdir, open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openDatabase } from '../../../../control-plane/store/sqlite/open-database.ts';
import { StoreError, type StoreErrorCode } from '../../../../control-plane/store/store-error.ts';
import { putKey } from '../contract/operations.ts';
import { openForTest, temporaryDirectory } from './sqlite-under-test.ts';
import { startStoreProcess } from './store-process.ts';

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

/** A closed store with enough in it for many pages. */
async function createFilledStore(t: ExecutionContext): Promise<string> {
  const path = join(await temporaryDirectory(t), 'store.db');
  const store = await openForTest(t, { path });
  const value = 'v'.repeat(500);
  await Promise.all(Array.from({ length: 200 }, (_, index) => putKey(store, `k/${index}`, value)));
  await store.close();
  return path;
}

async function openingFails(
  t: ExecutionContext,
  path: string,
  code: StoreErrorCode,
): Promise<StoreError> {
  const error = await t.throwsAsync(openForTest(t, { path }), { instanceOf: StoreError });
  t.is(error.code, code, error.message);
  t.true(error.message.includes(path), error.message);
  return error;
}

test('only its own user may read the store: file, write-ahead log and directory', async (t) => {
  const path = join(await temporaryDirectory(t), 'new', 'data', 'store.db');
  const store = await openForTest(t, { path });
  await putKey(store, 'key');
  t.is(await modeOf(path), 0o600);
  t.is(await modeOf(`${path}-wal`), 0o600);
  t.is(await modeOf(dirname(path)), 0o700);
  t.is(await modeOf(dirname(dirname(path))), 0o700);
});

test('files that others may read are narrowed; a directory that was there is left alone', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  // Killed, so that its write-ahead log stays behind.
  const holder = startStoreProcess(t, 'hold', [path]);
  await holder.untilLines(1);
  await holder.kill();
  await chmod(path, 0o644);
  await chmod(`${path}-wal`, 0o644);
  await chmod(dirname(path), 0o755);
  await openForTest(t, { path });
  t.is(await modeOf(path), 0o600);
  t.is(await modeOf(`${path}-wal`), 0o600);
  t.is(await modeOf(dirname(path)), 0o755);
});

test('every commit is synced, and nobody else can open the file', async (t) => {
  const database = openDatabase(join(await temporaryDirectory(t), 'store.db'));
  t.teardown(() => database.close());
  const pragma = (name: string): unknown => database.prepare(`PRAGMA ${name}`).get()?.[name];
  t.is(pragma('journal_mode'), 'wal');
  t.is(pragma('synchronous'), 2, 'FULL');
  t.is(pragma('locking_mode'), 'exclusive');
});

test('a file that is no database is corrupt, and stays as it is', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  await writeFile(path, 'certainly not a database\n'.repeat(100));
  const error = await openingFails(t, path, 'corrupt');
  t.regex(String(error.hint), /restore a backup/);
  t.regex(await readFile(path, 'utf8'), /^certainly not a database\n/);
});

test('a store with one damaged page of entries is corrupt, before anybody reads it', async (t) => {
  const path = await createFilledStore(t);
  const database = new DatabaseSync(path);
  const pages = database.prepare("SELECT pageno FROM dbstat WHERE name = 'entries'").all();
  database.close();
  const page = Number(pages.at(-1)?.['pageno']);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
  await file.close();
  await openingFails(t, path, 'corrupt');
});

test('a store that was cut short is corrupt', async (t) => {
  const path = await createFilledStore(t);
  const { size } = await stat(path);
  await truncate(path, Math.floor(size / 2 / 4096) * 4096);
  await openingFails(t, path, 'corrupt');
});

test('a store of a newer Hauberk is refused, and not touched', async (t) => {
  const path = await createFilledStore(t);
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  const before = await readFile(path);
  const error = await openingFails(t, path, 'incompatible');
  t.regex(error.message, /schema version 99, but this Hauberk knows versions up to \d/);
  t.regex(String(error.hint), /newer Hauberk/);
  t.deepEqual(await readFile(path), before);
});

test('a database of another program is refused, and not touched', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE bookmarks (url TEXT)');
  database.close();
  const before = await readFile(path);
  await openingFails(t, path, 'incompatible');
  t.deepEqual(await readFile(path), before);
});

test('a path that cannot be a file is unavailable, with the reason', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'directory.db'));
  await writeFile(join(directory, 'file'), '');
  const taken = await openingFails(t, join(directory, 'directory.db'), 'unavailable');
  t.regex(String(taken.hint), /read and write/);
  await openingFails(t, join(directory, 'file', 'store.db'), 'unavailable');
});
