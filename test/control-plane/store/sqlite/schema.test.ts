import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { migrate } from '../../../../control-plane/store/sqlite/schema.ts';

const FIRST = 'CREATE TABLE one (id INTEGER) STRICT';
const SECOND = 'CREATE TABLE two (id INTEGER) STRICT; INSERT INTO two SELECT id FROM one';

const tablesOf = (database: DatabaseSync): readonly unknown[] =>
  database
    .prepare('SELECT name FROM sqlite_schema ORDER BY name')
    .all()
    .map((row) => row['name']);

const versionOf = (database: DatabaseSync): unknown =>
  database.prepare('PRAGMA user_version').get()?.['user_version'];

function openInMemory(t: { teardown: (end: () => void) => void }): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  t.teardown(() => database.close());
  return database;
}

test('an older database is brought up step by step, with its data', (t) => {
  const database = openInMemory(t);
  migrate(database, [FIRST]);
  database.exec('INSERT INTO one VALUES (7)');
  migrate(database, [FIRST, SECOND]);
  t.deepEqual(
    database
      .prepare('SELECT id FROM two')
      .all()
      .map((row) => row['id']),
    [7],
  );
  t.is(versionOf(database), 2);
  migrate(database, [FIRST, SECOND]);
  t.is(versionOf(database), 2);
});

test('a step that fails leaves the database at the version that it had', (t) => {
  const database = openInMemory(t);
  migrate(database, [FIRST]);
  t.throws(() => migrate(database, [FIRST, SECOND, 'CREATE TABLE one (again)']));
  t.is(versionOf(database), 1);
  t.deepEqual(tablesOf(database), ['one']);
});
