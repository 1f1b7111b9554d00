// Fills the disk that the store is on, frees some of it again, and prints what the store did.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { systemClock } from '../../../../../common/clock.ts';
import { openSqliteStore } from '../../../../../control-plane/store/sqlite/sqlite-store.ts';
import { StoreError } from '../../../../../control-plane/store/store-error.ts';

const [directory = ''] = process.argv.slice(2);
const ballast = join(directory, 'ballast');
await writeFile(ballast, Buffer.alloc(2 * 1024 * 1024));
const path = join(directory, 'store.db');
const logger = pino({ level: 'silent' });
const store = await openSqliteStore({ path, clock: systemClock, logger });
const value = Buffer.alloc(32 * 1024, 'v');

let written = 0;
let refusal = '';
while (refusal === '' && written < 1000) {
  try {
    await store.transact([], [{ kind: 'put', key: `k/${written}`, value }]);
    written += 1;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    refusal = error.code;
  }
}
const { entries, revision } = await store.range('k/');
await rm(ballast);
await store.transact([], [{ kind: 'put', key: 'k/after', value }]);
await store.close();
const reopened = await openSqliteStore({ path, clock: systemClock, logger });
const after = await reopened.range('k/');
await reopened.close();
const result = { written, refusal, read: entries.length, revision, after: after.entries.length };
writeSync(1, `${JSON.stringify(result)}\n`);
