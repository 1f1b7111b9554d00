// Writes numbered pairs of keys into the store, from several writers at once, until it is killed.
// Prints each number once its transaction is acknowledged.
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { systemClock } from '../../../../../common/clock.ts';
import { openSqliteStore } from '../../../../../control-plane/store/sqlite/sqlite-store.ts';

const [path = '', round = ''] = process.argv.slice(2);
const store = await openSqliteStore({
  path,
  clock: systemClock,
  // With a destination: by default it takes process.stdout, which makes the pipe non-blocking, and a
  // write fails with EAGAIN when the parent is slow to read.
  logger: pino({ level: 'silent' }, { write() {} }),
});
const value = Buffer.alloc(2048, 'v');
let next = 0;

async function writeForever(): Promise<void> {
  for (;;) {
    const name = `${round}/${next}`;
    next += 1;
    const { revision } = await store.transact(
      [],
      [
        { kind: 'put', key: `first/${name}`, value },
        { kind: 'put', key: `second/${name}`, value },
      ],
    );
    // Not through a stream: what was printed must be with the parent when this process dies.
    writeSync(1, `${name} ${revision}\n`);
  }
}

await Promise.all(Array.from({ length: 4 }, writeForever));
