import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import {
  openSqliteStore,
  type SqliteStoreOptions,
} from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { createManualClock, type ManualClock } from '../../../helpers/manual-clock.ts';
import type { StoreUnderTest } from '../contract/store-under-test.ts';

/** A SQLite store in a directory of its own, with time that the test moves. */
export interface SqliteUnderTest extends StoreUnderTest {
  readonly clock: ManualClock;
  readonly path: string;
}

/** A directory that goes away with the test. */
export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-store-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens a store that is closed with the test. */
export async function openForTest(
  t: ExecutionContext,
  options: Pick<SqliteStoreOptions, 'path'> & Partial<SqliteStoreOptions>,
): Promise<Store> {
  const defaults = { clock: createManualClock(), logger: pino({ level: 'silent' }) };
  const store = await openSqliteStore({ ...defaults, ...options });
  t.teardown(() => store.close());
  return store;
}

/** An empty store. */
export async function createSqliteUnderTest(
  t: ExecutionContext,
  options: Partial<SqliteStoreOptions> = {},
): Promise<SqliteUnderTest> {
  const clock = createManualClock();
  const path = join(await temporaryDirectory(t), 'store.db');
  let store = await openForTest(t, { path, clock, ...options });
  return {
    store,
    clock,
    path,
    async reopen() {
      await store.close();
      store = await openForTest(t, { path, clock, ...options });
      return store;
    },
  };
}
