import test from 'ava';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import type { StoreFactory } from './store-under-test.ts';
import { keysOf, putKey } from './operations.ts';

/** In byte order: U+FF5E is ef bd 9e, U+1F600 is f0 9f 98 80; as UTF-16 their order is reversed. */
const KEYS = [
  'A',
  'a',
  'a/',
  'a/1',
  'a/10',
  'a/2',
  'a0',
  'b',
  'é',
  '\uff5e',
  '\u{1f600}',
  '\u{10ffff}',
];

/** Prefixes, byte order, limits. */
export function registerRangeTests(createStore: StoreFactory): void {
  test('a range is sorted by the bytes of its keys, not by their UTF-16 units', async (t) => {
    const { store } = await createStore(t);
    for (const key of KEYS.toReversed()) await putKey(store, key);
    t.deepEqual(await keysOf(store, ''), KEYS);
    const { entries } = await store.range('', { order: 'descending' });
    t.deepEqual(
      entries.map((entry) => entry.key),
      KEYS.toReversed(),
    );
  });

  test('a range holds exactly the keys that begin with its prefix', async (t) => {
    const { store } = await createStore(t);
    for (const key of KEYS) await putKey(store, key);
    for (const prefix of [...KEYS, 'a/1', 'c', 'a/10/']) {
      const expected = KEYS.filter((key) => key.startsWith(prefix));
      t.deepEqual(await keysOf(store, prefix), expected, prefix);
    }
  });

  test('delete-prefix deletes exactly the keys that begin with the prefix', async (t) => {
    const { store } = await createStore(t);
    for (const key of KEYS) await putKey(store, key);
    await store.transact([], [{ kind: 'delete-prefix', prefix: 'a/' }]);
    t.deepEqual(
      await keysOf(store, ''),
      KEYS.filter((key) => !key.startsWith('a/')),
    );
    await store.transact([], [{ kind: 'delete-prefix', prefix: '' }]);
    t.deepEqual(await keysOf(store, ''), []);
  });

  test('a limit cuts the range off at the end that the order asks for', async (t) => {
    const { store } = await createStore(t);
    for (const key of ['p/1', 'p/2', 'p/3', 'q']) await putKey(store, key);
    const keys = async (limit: number, order: 'ascending' | 'descending'): Promise<string[]> =>
      (await store.range('p/', { limit, order })).entries.map((entry) => entry.key);
    t.deepEqual(await keys(2, 'ascending'), ['p/1', 'p/2']);
    t.deepEqual(await keys(2, 'descending'), ['p/3', 'p/2']);
    t.deepEqual(await keys(9, 'ascending'), ['p/1', 'p/2', 'p/3']);
  });

  for (const limit of [0, -1, 1.5, Number.NaN]) {
    test(`a limit of ${limit} is refused as invalid`, async (t) => {
      const { store } = await createStore(t);
      const error = await t.throwsAsync(store.range('', { limit }), { instanceOf: StoreError });
      t.is(error.code, 'invalid');
    });
  }

  test('a range tells the revision of the store, not of its keys', async (t) => {
    const { store } = await createStore(t);
    await putKey(store, 'a');
    const { revision } = await putKey(store, 'b');
    t.is((await store.range('a')).revision, revision);
    t.deepEqual(await store.range('nothing'), { entries: [], revision });
  });
}
