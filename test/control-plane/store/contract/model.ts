import { inspect, isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type {
  Compare,
  Operation,
  Store,
  StoreEvent,
} from '../../../../control-plane/store/store.ts';
import type { StoreFactory } from './store-under-test.ts';
import { STEP, withoutConflicts, type ModelOperation, type Step } from './model-steps.ts';
import { ModelStore, replay, type ModelEvent } from './model-store.ts';
import { put, revisionOf } from './operations.ts';
import { recordWatch, type WatchRecorder } from './watch-recorder.ts';

/** Random histories against a Map. */
export function registerModelTests(createStore: StoreFactory): void {
  test('whatever is written, the store and its watches agree with a plain map', async (t) => {
    const { store } = await createStore(t);
    let run = 0;
    const property = fc.asyncProperty(fc.array(STEP, { maxLength: 30 }), async (steps) => {
      run += 1;
      const comparison = await Comparison.start(t, store, `run-${run}/`);
      for (const step of steps) await comparison.take(step);
      await comparison.finish();
    });
    await t.notThrowsAsync(fc.assert(property, { numRuns: 80 }));
    t.true(run >= 80);
  });
}

interface ModelWatch {
  readonly recorder: WatchRecorder;
  readonly prefix: string;
  readonly fromRevision: number;
}

/** One random history under a prefix of its own, in the store and in the model. */
class Comparison {
  readonly #t: ExecutionContext;
  readonly #store: Store;
  readonly #root: string;
  /** The store's revision before the first step: the model begins at 0. */
  readonly #base: number;
  readonly #model = new ModelStore();
  readonly #leases: string[] = [];
  readonly #watches: ModelWatch[] = [];

  private constructor(t: ExecutionContext, store: Store, root: string, base: number) {
    this.#t = t;
    this.#store = store;
    this.#root = root;
    this.#base = base;
  }

  static async start(t: ExecutionContext, store: Store, root: string): Promise<Comparison> {
    const comparison = new Comparison(t, store, root, await revisionOf(store));
    await comparison.#watch('', 0);
    return comparison;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'grant':
        this.#leases.push(await this.#store.grantLease(60_000));
        return;
      case 'revoke': {
        const [lease] = this.#leases.splice(step.lease, 1);
        if (lease === undefined) return;
        await this.#store.revokeLease(lease);
        this.#model.endLease(lease);
        return;
      }
      case 'watch':
        return this.#watch(step.prefix, step.back);
      case 'transact':
        return this.#transact(step);
    }
  }

  /** Compares the current state, and what each watch was given. */
  async finish(): Promise<void> {
    const { entries, revision } = await this.#store.range(this.#root);
    equal(revision - this.#base, this.#model.revision, 'revision');
    equal(
      entries.map((entry) => this.#short(entry.key, entry)),
      this.#modelEntries(),
      'entries',
    );
    const values = new Map(entries.map((entry) => [entry.key, entry.value.toString()]));
    const prefixes = new Set(this.#watches.map(({ prefix }) => prefix));
    const ends = [...prefixes].map((prefix) => put(`${this.#root}${prefix}end`, ''));
    const end = await this.#store.transact([], ends);
    for (const watch of this.#watches) await this.#compareWatch(watch, end.revision, values);
  }

  async #compareWatch(
    { recorder, prefix, fromRevision }: ModelWatch,
    endRevision: number,
    values: ReadonlyMap<string, string>,
  ): Promise<void> {
    await recorder.untilRevision(endRevision);
    await recorder.close();
    const { batches } = recorder;
    const given = batches.map(({ revision, events }) => [
      revision - this.#base,
      events.map((event) => this.#shortEvent(event)),
    ]);
    equal(given, this.#modelBatches(prefix, fromRevision), `watch of "${prefix}"`);
    if (prefix !== '' || fromRevision !== 1) return;
    equal(replay(batches.flatMap(({ events }) => events)), values, 'state replayed from the watch');
  }

  async #watch(prefix: string, back: number): Promise<void> {
    const fromRevision = Math.max(1, this.#model.revision + 1 - back);
    const absolute = this.#base + fromRevision;
    const recorder = await recordWatch(this.#t, this.#store, this.#root + prefix, absolute);
    this.#watches.push({ recorder, prefix, fromRevision });
  }

  async #transact({ compares, operations }: Extract<Step, { kind: 'transact' }>): Promise<void> {
    const conditions = compares.map(({ key, holds }): Compare => {
      const current = this.#model.modRevision(key);
      const expected = current === 0 ? 0 : this.#base + current;
      return { key: this.#root + key, modRevision: holds ? expected : expected + 1 };
    });
    const changes = withoutConflicts(operations).map((operation) => this.#operation(operation));
    const result = await this.#store.transact(
      conditions,
      changes.map((change) => this.#rooted(change)),
    );
    const succeeds = compares.every(({ holds }) => holds);
    if (succeeds) this.#model.apply(changes);
    const expected = { succeeded: succeeds, revision: this.#base + this.#model.revision };
    equal(result, expected, 'result');
  }

  #operation({ kind, key, value, lease }: ModelOperation): Operation {
    if (kind === 'delete') return { kind, key };
    if (kind === 'delete-prefix') return { kind, prefix: key };
    return put(key, value, lease === undefined ? undefined : this.#leases[lease]);
  }

  #rooted(operation: Operation): Operation {
    if (operation.kind === 'delete-prefix') {
      return { ...operation, prefix: this.#root + operation.prefix };
    }
    return { ...operation, key: this.#root + operation.key };
  }

  #short(
    key: string,
    entry: { createRevision: number; modRevision: number; value: Buffer; lease?: string },
  ): unknown {
    const { createRevision, modRevision, value, lease } = entry;
    const revisions = [createRevision - this.#base, modRevision - this.#base];
    return [key.slice(this.#root.length), value.toString(), ...revisions, lease ?? null];
  }

  #shortEvent(event: StoreEvent): unknown {
    if (event.kind === 'put') return this.#short(event.entry.key, event.entry);
    return [event.key.slice(this.#root.length), event.revision - this.#base];
  }

  #modelEntries(): unknown[] {
    return this.#model
      .keys('')
      .map((key) => shortModel({ key, entry: this.#model.entries.get(key) }, 0));
  }

  #modelBatches(prefix: string, fromRevision: number): unknown[] {
    return this.#model.history
      .filter(({ revision }) => revision >= fromRevision)
      .map(({ revision, events }) => [
        revision,
        events
          .filter(({ key }) => key.startsWith(prefix))
          .map((event) => shortModel(event, revision)),
      ])
      .filter(([, events]) => Array.isArray(events) && events.length > 0);
  }
}

function shortModel({ key, entry }: ModelEvent, revision: number): unknown {
  if (entry === undefined) return [key, revision];
  return [key, entry.value, entry.createRevision, entry.modRevision, entry.lease ?? null];
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(
    `${what}: expected ${inspect(expected, { depth: 5 })}, got ${inspect(actual, { depth: 5 })}`,
  );
}
