// A control plane that can write nothing down can issue nothing: it notices, says so, and goes on by
// itself when the disk does.
import test from 'ava';
import { StoreError, type StoreErrorCode } from '../../../control-plane/store/store-error.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { PROBE_INTERVAL_MS, watchWrites } from '../../../control-plane/store/writable-store.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

function rig(t: { teardown(end: () => void): void }) {
  const disk: { error: Error | undefined; store: StoreErrorCode | undefined; writes: number } = {
    error: undefined,
    store: undefined,
    writes: 0,
  };
  const store = {
    async transact() {
      if (disk.store !== undefined) throw new StoreError(disk.store, `it is ${disk.store}`);
      disk.writes += 1;
      return { succeeded: true, revision: disk.writes };
    },
  } as unknown as Store;
  const clock = createManualClock();
  const log = createLogRecorder();
  const probe = async (): Promise<void> => {
    if (disk.error !== undefined) throw disk.error;
  };
  const writable = watchWrites(store, { clock, logger: log.logger, probe });
  t.teardown(() => void writable.close());
  const write = () => writable.store.transact([], [{ kind: 'delete', key: 'x' }]);
  return { disk, clock, log, writable, write };
}

test('a write that fails for the disk shows at once, until another one works', async (t) => {
  for (const code of ['full', 'unavailable'] as const) {
    const { disk, log, writable, write } = rig(t);
    await write();
    t.is(writable.problem, undefined);
    disk.store = code;
    await t.throwsAsync(write(), { code });
    t.is(writable.problem, `it is ${code}`);
    await t.throwsAsync(write(), { code });
    t.is(log.of('store-not-writable').length, 1, 'said once');
    disk.store = undefined;
    await write();
    t.is(writable.problem, undefined);
    t.is(log.of('store-writable').length, 1);
  }
});

test('a request that is wrong says nothing about the disk', async (t) => {
  const { disk, writable, write } = rig(t);
  disk.store = 'invalid';
  await t.throwsAsync(write(), { code: 'invalid' });
  t.is(writable.problem, undefined);
});

test('a full disk is noticed although nobody writes, and so is one that has room again', async (t) => {
  const { disk, clock, writable } = rig(t);
  disk.error = new Error('ENOSPC: no space left on device');
  await clock.advance(PROBE_INTERVAL_MS);
  t.regex(writable.problem ?? '', /no space left/);
  disk.error = undefined;
  disk.store = 'full';
  await clock.advance(PROBE_INTERVAL_MS);
  t.is(writable.problem, 'it is full', 'a file beside it is not enough');
  disk.store = undefined;
  await clock.advance(PROBE_INTERVAL_MS);
  t.is(writable.problem, undefined);
  t.is(disk.writes, 1, 'nothing is written while all is well');
  await clock.advance(10 * PROBE_INTERVAL_MS);
  t.is(disk.writes, 1);
});

test('the end waits for a look that is under way, which leaves nothing behind', async (t) => {
  const clock = createManualClock();
  const probing = Promise.withResolvers<void>();
  const probe = () => probing.promise;
  const { logger } = createLogRecorder();
  const writable = watchWrites({} as unknown as Store, { clock, logger, probe });
  await clock.advance(PROBE_INTERVAL_MS);
  let isClosed = false;
  const closing = Promise.resolve(writable.close()).then(() => (isClosed = true));
  await clock.advance(PROBE_INTERVAL_MS);
  t.false(isClosed);
  probing.resolve();
  await closing;
  t.deepEqual(clock.pending, []);
});
