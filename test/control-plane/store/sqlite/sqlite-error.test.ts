import test from 'ava';
import { toStoreError } from '../../../../control-plane/store/sqlite/sqlite-error.ts';
import { StoreError, type StoreErrorCode } from '../../../../control-plane/store/store-error.ts';

const sqliteError = (errcode: number): Error =>
  Object.assign(new Error('from SQLite'), { code: 'ERR_SQLITE_ERROR', errcode });
const systemError = (code: string): Error => Object.assign(new Error('from Node.js'), { code });

const CASES: readonly (readonly [string, Error, StoreErrorCode])[] = [
  ['SQLITE_BUSY', sqliteError(5), 'locked'],
  ['SQLITE_BUSY_RECOVERY', sqliteError(261), 'locked'],
  ['SQLITE_FULL', sqliteError(13), 'full'],
  ['SQLITE_CORRUPT', sqliteError(11), 'corrupt'],
  ['SQLITE_CORRUPT_INDEX', sqliteError(779), 'corrupt'],
  ['SQLITE_NOTADB', sqliteError(26), 'corrupt'],
  ['SQLITE_READONLY_DBMOVED', sqliteError(1032), 'unavailable'],
  ['SQLITE_CANTOPEN', sqliteError(14), 'unavailable'],
  ['SQLITE_IOERR_FSYNC', sqliteError(1034), 'unavailable'],
  ['SQLITE_ERROR', sqliteError(1), 'unavailable'],
  ['ENOSPC', systemError('ENOSPC'), 'full'],
  ['EACCES', systemError('EACCES'), 'unavailable'],
  ['a database that is not open', systemError('ERR_INVALID_STATE'), 'closed'],
];

for (const [name, foreign, code] of CASES) {
  test(`${name} is "${code}", names the file and keeps its cause`, (t) => {
    const error = toStoreError(foreign, '/data/store.db');
    t.is(error.code, code);
    t.true(error.message.includes('/data/store.db'));
    t.is(error.cause, foreign);
  });
}

test('an error of the store passes as it is', (t) => {
  const error = new StoreError('compacted', 'gone');
  t.is(toStoreError(error, '/data/store.db'), error);
});
