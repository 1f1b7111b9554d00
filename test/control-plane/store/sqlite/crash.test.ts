// A control plane that is killed in the middle of a stream of transactions, again and again, has
// everything that it acknowledged, and of no transaction one half.
import { join } from 'node:path';
import test from 'ava';
import { keysOf } from '../contract/operations.ts';
import { openForTest, temporaryDirectory } from './sqlite-under-test.ts';
import { startStoreProcess } from './store-process.ts';

const ROUNDS = 5;

test('kill -9 while transactions are written: nothing that was acknowledged is lost', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  const acknowledged: string[] = [];
  let highest = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const writer = startStoreProcess(t, 'write-forever', [path, String(round)]);
    // At random, so that the kill meets all phases: a write, a sync, a checkpoint (every 1,000 pages).
    await writer.untilLines(100 + Math.floor(Math.random() * 500));
    await writer.kill();
    for (const line of writer.lines) {
      const [name = '', revision] = line.split(' ');
      acknowledged.push(name);
      highest = Math.max(highest, Number(revision));
    }
    const store = await openForTest(t, { path });
    const first = await keysOf(store, 'first/');
    const second = await keysOf(store, 'second/');
    const present = new Set(first.map((key) => key.slice('first/'.length)));
    t.deepEqual(
      acknowledged.filter((name) => !present.has(name)),
      [],
    );
    t.deepEqual(
      second.map((key) => key.slice('second/'.length)),
      [...present],
    );
    // One revision a transaction: the counter has not gone back, and none was used twice.
    const { entries, revision } = await store.range('first/');
    t.true(revision >= highest);
    t.is(revision, present.size);
    t.is(new Set(entries.map((entry) => entry.modRevision)).size, present.size);
    await store.close();
  }
});
