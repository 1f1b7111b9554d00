import test from 'ava';
import type { WatchBatch } from '../../../../control-plane/store/store.ts';
import { within } from '../../../helpers/deadline.ts';
import type { StoreFactory } from './store-under-test.ts';
import { put, putKey } from './operations.ts';
import { recordWatch } from './watch-recorder.ts';

/** Nothing lost, nothing twice, nothing out of order. */
export function registerWatchTests(createStore: StoreFactory): void {
  test('a watch delivers what happens under its prefix, and nothing else', async (t) => {
    const { store } = await createStore(t);
    const watch = await recordWatch(t, store, 'a/', (await store.range('')).revision + 1);
    const first = await putKey(store, 'a/1', 'x');
    await putKey(store, 'b/1', 'x');
    await putKey(store, 'a', 'x');
    const second = await store.transact([], [{ kind: 'delete', key: 'a/1' }]);
    await watch.settled('a/end');
    t.deepEqual(watch.lines, [`${first.revision} +a/1=x`, `${second.revision} -a/1`]);
  });

  test('the events of a transaction come as one batch, in its order, with entries', async (t) => {
    const { store } = await createStore(t);
    await putKey(store, 'k/old/1');
    await putKey(store, 'k/old/2');
    const watch = await recordWatch(t, store, 'k/', (await store.range('')).revision + 1);
    const { revision } = await store.transact(
      [],
      [
        put('k/z', 'z'),
        { kind: 'delete-prefix', prefix: 'k/old/' },
        put('other', ''),
        put('k/a', 'a'),
      ],
    );
    await watch.settled('k/end');
    const entry = { createRevision: revision, modRevision: revision };
    t.deepEqual(watch.batches, [
      {
        revision,
        events: [
          { kind: 'put', entry: { key: 'k/z', value: Buffer.from('z'), ...entry } },
          { kind: 'delete', key: 'k/old/1', revision },
          { kind: 'delete', key: 'k/old/2', revision },
          { kind: 'put', entry: { key: 'k/a', value: Buffer.from('a'), ...entry } },
        ],
      },
    ]);
  });

  test('a watch is told that a secret changed, and not to what, also of the past', async (t) => {
    const { store } = await createStore(t);
    const lease = await store.grantLease(60_000);
    const from = (await store.range('')).revision + 1;
    const live = await recordWatch(t, store, 'ca/', from);
    const all = await recordWatch(t, store, '', from);
    const one = await store.transact([], [put('ca/root', 'secret'), put('mesh/x', 'open')]);
    const two = await store.transact(
      [],
      [put('vault', 'secret'), put('ca/issuer', 'secret', lease)],
    );
    await putKey(store, 'ca', 'not secret');
    const three = await store.transact([], [{ kind: 'delete-prefix', prefix: 'ca/r' }]);
    await store.revokeLease(lease);
    const past = await recordWatch(t, store, 'ca/', from);
    const four = await putKey(store, 'ca/end', 'secret');
    const lines = [
      `${one.revision} ?ca/root`,
      `${two.revision} ?ca/issuer`,
      `${three.revision} ?ca/root`,
      `${three.revision + 1} ?ca/issuer`,
      `${four.revision} ?ca/end`,
    ];
    for (const watch of [live, past]) {
      await watch.until('five batches', ({ length }) => length === 5);
      t.deepEqual(watch.lines, lines);
    }
    await all.until('six batches', ({ length }) => length === 6);
    t.is(all.lines[0], `${one.revision} ?ca/root +mesh/x=open`);
    t.is(all.lines[1], `${two.revision} ?vault ?ca/issuer`);
    t.is((await store.get('ca/end'))?.value.toString(), 'secret');
  });

  test('a watch from a past revision replays it, and goes on without a gap', async (t) => {
    const { store } = await createStore(t);
    const lease = await store.grantLease(60_000);
    const one = await putKey(store, 'k/1', 'one', lease);
    const two = await putKey(store, 'k/1', 'two');
    await putKey(store, 'elsewhere');
    const three = await store.transact([], [{ kind: 'delete-prefix', prefix: 'k/' }]);
    const all = await recordWatch(t, store, 'k/', one.revision);
    const later = await recordWatch(t, store, 'k/', two.revision);
    const four = await putKey(store, 'k/2', 'four');
    await all.settled('k/end');
    const lines = [
      `${one.revision} +k/1=one`,
      `${two.revision} +k/1=two`,
      `${three.revision} -k/1`,
      `${four.revision} +k/2=four`,
    ];
    t.deepEqual(all.lines, lines);
    await later.until('four batches', () => later.lines.length === 4);
    t.deepEqual(later.lines.slice(0, 3), lines.slice(1));
    const replayed = all.batches[0]?.events[0];
    t.like(replayed, { kind: 'put', entry: { lease, createRevision: one.revision } });
  });

  test('a watch from a revision still to come stays silent until then', async (t) => {
    const { store } = await createStore(t);
    const { revision } = await putKey(store, 'k/0');
    const watch = await recordWatch(t, store, 'k/', revision + 3);
    for (const key of ['k/1', 'k/2', 'k/3']) await putKey(store, key);
    await watch.settled('k/end');
    t.deepEqual(watch.lines, [`${revision + 3} +k/3=`]);
  });

  test('no event is lost or doubled between a range and its watch while others write', async (t) => {
    const { store } = await createStore(t);
    let writing = true;
    const writer = async (name: string): Promise<void> => {
      for (let count = 0; writing; count += 1) await putKey(store, `k/${name}`, String(count));
    };
    const writers = ['a', 'b', 'c'].map(writer);
    for (let round = 0; round < 20; round += 1) {
      const range = await store.range('k/');
      const watch = await recordWatch(t, store, 'k/', range.revision + 1);
      await watch.until('ten batches', ({ length }) => length >= 10);
      const revisions = watch.batches.map((batch) => batch.revision);
      // Every transaction writes one key under the prefix: each revision must be there, once.
      const expected = revisions.map((_, index) => range.revision + 1 + index);
      t.deepEqual(revisions, expected);
      await watch.close();
    }
    writing = false;
    await Promise.all(writers);
  });

  test('a listener that throws keeps its watch and disturbs no other', async (t) => {
    const { store } = await createStore(t);
    const { revision } = await store.range('');
    const seen: WatchBatch[] = [];
    const throwing = await store.watch('k/', revision + 1, (batch) => {
      seen.push(batch);
      throw new Error('the listener is broken');
    });
    t.teardown(() => throwing.close());
    const watch = await recordWatch(t, store, 'k/', revision + 1);
    t.true((await putKey(store, 'k/1')).succeeded);
    t.true((await putKey(store, 'k/2')).succeeded);
    await watch.settled('k/end');
    t.is(watch.batches.length, 2);
    t.is(seen.length, 3);
  });

  test('a listener may write, watch and close from within', async (t) => {
    const { store } = await createStore(t);
    const from = (await store.range('')).revision + 1;
    const echo = await recordWatch(t, store, 'echo/', from);
    const inner: WatchBatch[] = [];
    const opened: Promise<unknown>[] = [];
    const outer = await store.watch('k/', from, (batch) => {
      opened.push(putKey(store, `echo/${batch.revision}`));
      opened.push(store.watch('k/', batch.revision, (again) => void inner.push(again)));
      void outer.close();
    });
    const { revision } = await putKey(store, 'k/1');
    const later = await putKey(store, 'k/2');
    await echo.until('the echo', (batches) => batches.length === 1);
    await Promise.all(opened);
    await echo.settled('echo/end');
    t.is(opened.length, 2, 'it was closed after the first batch');
    t.deepEqual(
      inner.map((batch) => batch.revision),
      [revision, later.revision],
    );
  });

  test('nothing is delivered before the caller has the watch', async (t) => {
    const { store } = await createStore(t);
    const { revision } = await putKey(store, 'k/1');
    const { promise, resolve } = Promise.withResolvers<string>();
    let handle = 'not there yet';
    const watch = await store.watch('k/', revision, () => resolve(handle));
    handle = 'there';
    t.teardown(() => watch.close());
    t.is(await within('the first batch', promise), 'there');
  });

  test('a watch that is closed by its listener hears nothing more, whatever is waiting', async (t) => {
    const { store } = await createStore(t);
    const from = (await store.range('')).revision + 1;
    const closeAtFirst = async (): Promise<WatchBatch[]> => {
      const heard: WatchBatch[] = [];
      const watch = await store.watch('k/', from, (batch) => {
        heard.push(batch);
        void watch.close();
      });
      return heard;
    };
    const live = await closeAtFirst();
    const other = await recordWatch(t, store, 'k/', from);
    await Promise.all(['k/1', 'k/2', 'k/3'].map((key) => putKey(store, key)));
    const late = await closeAtFirst();
    await other.settled('k/end');
    const end = await recordWatch(t, store, 'k/', from);
    await end.until('the replay', ({ length }) => length === 4);
    t.is(live.length, 1);
    t.is(late.length, 1);
  });

  test('a closed watch hears nothing more, and closing it again does nothing', async (t) => {
    const { store } = await createStore(t);
    const from = (await store.range('')).revision + 1;
    const closed = await recordWatch(t, store, 'k/', from);
    const open = await recordWatch(t, store, 'k/', from);
    await putKey(store, 'k/1');
    await closed.until('one batch', ({ length }) => length === 1);
    await closed.close();
    await closed.close();
    await putKey(store, 'k/2');
    await open.settled('k/end');
    t.is(closed.batches.length, 1);
  });
}
