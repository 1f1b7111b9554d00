import test from 'ava';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import type { Operation } from '../../../../control-plane/store/store.ts';
import type { StoreFactory } from './store-under-test.ts';
import { keysOf, put, putKey, revisionOf } from './operations.ts';

/** Compare-and-set, atomicity and revisions. */
export function registerTransactionTests(createStore: StoreFactory): void {
  test('a key that was never put is not there', async (t) => {
    const { store } = await createStore(t);
    t.is(await store.get('missing'), undefined);
  });

  test('a put is read back with its revisions', async (t) => {
    const { store } = await createStore(t);
    const first = await putKey(store, 'key', 'one');
    const second = await putKey(store, 'key', 'two');
    t.true(second.revision > first.revision);
    const entry = await store.get('key');
    t.deepEqual(entry, {
      key: 'key',
      value: Buffer.from('two'),
      createRevision: first.revision,
      modRevision: second.revision,
    });
  });

  test('a key that was deleted and put again is a new one', async (t) => {
    const { store } = await createStore(t);
    await putKey(store, 'key', 'one');
    await store.transact([], [{ kind: 'delete', key: 'key' }]);
    const { revision } = await putKey(store, 'key', 'two');
    t.is((await store.get('key'))?.createRevision, revision);
  });

  test('values are any bytes, and none', async (t) => {
    const { store } = await createStore(t);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await store.transact(
      [],
      [
        { kind: 'put', key: 'bytes', value: bytes },
        { kind: 'put', key: 'empty', value: Buffer.alloc(0) },
      ],
    );
    t.deepEqual((await store.get('bytes'))?.value, bytes);
    t.deepEqual((await store.get('empty'))?.value, Buffer.alloc(0));
  });

  test('a buffer that is written into after the call does not change what is stored', async (t) => {
    const { store } = await createStore(t);
    const value = Buffer.from('before');
    const stored = store.transact([], [{ kind: 'put', key: 'key', value }]);
    value.write('AFTER!');
    await stored;
    t.is((await store.get('key'))?.value.toString(), 'before');
  });

  test('a condition on the last change: it holds, and then no longer', async (t) => {
    const { store } = await createStore(t);
    const { revision } = await putKey(store, 'key', 'one');
    const compare = [{ key: 'key', modRevision: revision }];
    const allowed = await store.transact(compare, [put('key', 'two')]);
    t.true(allowed.succeeded);
    const refused = await store.transact(compare, [put('key', 'three')]);
    t.deepEqual(refused, { succeeded: false, revision: allowed.revision });
    t.is((await store.get('key'))?.value.toString(), 'two');
  });

  test('a condition that the key does not exist: it holds, and then no longer', async (t) => {
    const { store } = await createStore(t);
    const compare = [{ key: 'key', modRevision: 0 }];
    t.true((await store.transact(compare, [put('key', 'one')])).succeeded);
    t.false((await store.transact(compare, [put('key', 'two')])).succeeded);
    await store.transact([], [{ kind: 'delete', key: 'key' }]);
    t.true((await store.transact(compare, [put('key', 'three')])).succeeded);
  });

  test('one condition of many that does not hold: nothing is changed', async (t) => {
    const { store } = await createStore(t);
    const { revision } = await putKey(store, 'a', 'one');
    const result = await store.transact(
      [
        { key: 'a', modRevision: revision },
        { key: 'b', modRevision: revision },
      ],
      [put('a', 'two'), put('c', 'three')],
    );
    t.deepEqual(result, { succeeded: false, revision });
    t.deepEqual(await keysOf(store, ''), ['a']);
    t.is((await store.get('a'))?.value.toString(), 'one');
  });

  test('all changes of a transaction share its revision', async (t) => {
    const { store } = await createStore(t);
    await putKey(store, 'old/1');
    await putKey(store, 'old/2');
    const result = await store.transact(
      [],
      [put('a', ''), { kind: 'delete-prefix', prefix: 'old/' }, put('b', '')],
    );
    const { entries, revision } = await store.range('');
    t.is(revision, result.revision);
    t.deepEqual(
      entries.map(({ key, modRevision }) => [key, modRevision]),
      [
        ['a', revision],
        ['b', revision],
      ],
    );
  });

  test('a transaction that changes nothing succeeds and uses up no revision', async (t) => {
    const { store } = await createStore(t);
    const { revision } = await putKey(store, 'key');
    const operations: Operation[] = [
      { kind: 'delete', key: 'missing' },
      { kind: 'delete-prefix', prefix: 'missing/' },
    ];
    t.deepEqual(await store.transact([], operations), { succeeded: true, revision });
    t.deepEqual(await store.transact([], []), { succeeded: true, revision });
    t.is(await revisionOf(store), revision);
  });

  test('of many writers that compare-and-set one counter, none is lost', async (t) => {
    const { store } = await createStore(t);
    await putKey(store, 'counter', '0');
    let tries = 0;
    const increment = async (): Promise<void> => {
      for (;;) {
        tries += 1;
        const entry = await store.get('counter');
        const next = String(Number(entry?.value.toString()) + 1);
        const compare = { key: 'counter', modRevision: entry?.modRevision ?? 0 };
        if ((await store.transact([compare], [put('counter', next)])).succeeded) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    t.is((await store.get('counter'))?.value.toString(), '20');
    t.true(tries > 20, 'some of them must have collided, or the test has shown nothing');
  });

  const invalid: readonly (readonly [string, readonly Operation[]])[] = [
    ['an empty key', [put('', 'value')]],
    ['a key that is not well-formed Unicode', [put('\ud800', 'value')]],
    ['a key with a NUL character', [put('a\0b', 'value')]],
    ['a key that is too long', [put('k'.repeat(4097), 'value')]],
    ['more bytes than a transaction may have', [put('key', 'v'.repeat(1024 * 1024))]],
    ['too many operations', Array.from({ length: 128 }, (_, index) => put(`key-${index}`, ''))],
    ['a key that is put twice', [put('key', 'one'), put('key', 'two')]],
    ['a key that is put and deleted', [put('key', ''), { kind: 'delete', key: 'key' }]],
    [
      'a key that is put under a deleted prefix',
      [{ kind: 'delete-prefix', prefix: 'k' }, put('key', '')],
    ],
  ];
  for (const [what, operations] of invalid) {
    test(`a transaction with ${what} is refused as invalid`, async (t) => {
      const { store } = await createStore(t);
      const before = await revisionOf(store);
      const error = await t.throwsAsync(store.transact([], operations), { instanceOf: StoreError });
      t.is(error.code, 'invalid');
      t.is(await revisionOf(store), before);
    });
  }

  test('a transaction at the limits is taken', async (t) => {
    const { store } = await createStore(t);
    const operations = Array.from({ length: 127 }, (_, index) =>
      put(`${index}`.padEnd(4096, 'k'), 'v'.repeat(2048)),
    );
    t.true((await store.transact([], operations)).succeeded);
    t.is((await keysOf(store, '')).length, 127);
  });
}
