// Opens the store, prints how that went, and holds it until it is killed.
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { systemClock } from '../../../../../common/clock.ts';
import { openSqliteStore } from '../../../../../control-plane/store/sqlite/sqlite-store.ts';
import { StoreError } from '../../../../../control-plane/store/store-error.ts';

const [path = ''] = process.argv.slice(2);
try {
  await openSqliteStore({ path, clock: systemClock, logger: pino({ level: 'silent' }) });
  writeSync(1, 'open\n');
  setInterval(() => {}, 60_000);
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  writeSync(1, `${error.code}\n`);
}
