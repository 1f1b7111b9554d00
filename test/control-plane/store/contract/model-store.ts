import type { Operation, StoreEvent } from '../../../../control-plane/store/store.ts';

/** A key of the model; revisions count from 1. */
export interface ModelEntry {
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: string | undefined;
}

/** An event of the model: a put with its entry, or a delete. */
export interface ModelEvent {
  readonly key: string;
  readonly entry: ModelEntry | undefined;
}

/** What the store should do, as plainly as it can be said: a Map and a list. */
export class ModelStore {
  readonly entries = new Map<string, ModelEntry>();
  readonly history: { readonly revision: number; readonly events: readonly ModelEvent[] }[] = [];

  get revision(): number {
    return this.history.length;
  }

  modRevision(key: string): number {
    return this.entries.get(key)?.modRevision ?? 0;
  }

  apply(operations: readonly Operation[]): void {
    const revision = this.revision + 1;
    this.#record(operations.flatMap((operation) => this.#applyOne(operation, revision)));
  }

  endLease(lease: string): void {
    const keys = this.keys('').filter((key) => this.entries.get(key)?.lease === lease);
    this.#record(keys.flatMap((key) => this.#delete(key)));
  }

  /** The keys under the prefix in byte order. */
  keys(prefix: string): string[] {
    return [...this.entries.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #record(events: readonly ModelEvent[]): void {
    if (events.length > 0) this.history.push({ revision: this.revision + 1, events });
  }

  #applyOne(operation: Operation, revision: number): readonly ModelEvent[] {
    if (operation.kind === 'delete') return this.#delete(operation.key);
    if (operation.kind === 'delete-prefix') {
      return this.keys(operation.prefix).flatMap((key) => this.#delete(key));
    }
    const { key, value, lease } = operation;
    const createRevision = this.entries.get(key)?.createRevision ?? revision;
    const entry = { value: value.toString(), createRevision, modRevision: revision, lease };
    this.entries.set(key, entry);
    return [{ key, entry }];
  }

  #delete(key: string): readonly ModelEvent[] {
    return this.entries.delete(key) ? [{ key, entry: undefined }] : [];
  }
}

/** Replays events onto an empty map: what a reader that only watches would believe. */
export function replay(events: readonly StoreEvent[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const event of events) {
    if (event.kind !== 'put') values.delete(event.key);
    else values.set(event.entry.key, event.entry.value.toString());
  }
  return values;
}
