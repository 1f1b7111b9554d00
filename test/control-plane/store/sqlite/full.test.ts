// A store without space refuses with `full`, keeps what it has, can be read, and goes on when there
// is space again.
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import { keysOf, put, putKey } from '../contract/operations.ts';
import { createSqliteUnderTest, openForTest, temporaryDirectory } from './sqlite-under-test.ts';
import { startStoreProcess } from './store-process.ts';

const BIG = 'v'.repeat(100 * 1024);
const MAX_BYTES = 512 * 1024;

test('a full store refuses to grow, changes nothing, and can still be read', async (t) => {
  const { store, path } = await createSqliteUnderTest(t, { maxBytes: MAX_BYTES });
  await putKey(store, 'k/1', BIG);
  await putKey(store, 'k/2', BIG);
  const before = await store.range('');
  const error = await t.throwsAsync(store.transact([], [put('a', ''), put('k/3', BIG)]), {
    instanceOf: StoreError,
  });
  t.is(error.code, 'full');
  t.regex(String(error.hint), /free space/);
  t.deepEqual(await store.range(''), before);
  t.true((await putKey(store, 'small')).succeeded, 'what fits still goes in');
  await store.close();
  const larger = await openForTest(t, { path, maxBytes: 10 * MAX_BYTES });
  t.true((await putKey(larger, 'k/3', BIG)).succeeded);
});

test('one write that does not fit fails alone, beside others of the same turn', async (t) => {
  const { store } = await createSqliteUnderTest(t, { maxBytes: MAX_BYTES });
  await putKey(store, 'k/1', BIG);
  await putKey(store, 'k/2', BIG);
  const [before, big, after] = await Promise.allSettled([
    putKey(store, 'before'),
    putKey(store, 'k/3', BIG),
    putKey(store, 'after'),
  ]);
  t.deepEqual([before.status, after.status], ['fulfilled', 'fulfilled']);
  t.like(big, { status: 'rejected', reason: { code: 'full' } });
  t.deepEqual(await keysOf(store, ''), ['after', 'before', 'k/1', 'k/2']);
});

const NAMESPACE = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  '--mount',
];
const [UNSHARE = '', ...FLAGS] = NAMESPACE;
const CAN_MOUNT =
  spawnSync(UNSHARE, [...FLAGS, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

// Where the machine does not let us mount, the limit on the file above stands for the full disk.
if (CAN_MOUNT) {
  test('on a disk that is really full the store waits for space', async (t) => {
    const directory = await temporaryDirectory(t);
    const mount = `mount -t tmpfs -o size=4m tmpfs ${directory} && exec "$@"`;
    const wrapper = [...NAMESPACE, 'sh', '-c', mount, 'sh'];
    const filler = startStoreProcess(t, 'fill-disk', [directory], wrapper);
    await filler.ended();
    const { written, ...result } = JSON.parse(filler.lines[0] ?? '{}') as { written: number };
    t.true(written > 5, `${written} values fitted`);
    t.deepEqual<unknown, unknown>(result, {
      refusal: 'full',
      read: written,
      revision: written,
      after: written + 1,
    });
  });
}
