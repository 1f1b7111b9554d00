import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Entry, RangeOptions } from '../store.ts';
import { keyRange } from './key-range.ts';

/** A row, as node:sqlite returns it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Reads an entry, its value without a copy. */
export function toEntry({ key, value, create_revision, mod_revision, lease }: Row): Entry {
  if (!(value instanceof Uint8Array)) throw new TypeError('expected a blob for the value of a key');
  return {
    key: String(key),
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    createRevision: Number(create_revision),
    modRevision: Number(mod_revision),
    ...(lease === null ? {} : { lease: String(lease) }),
  };
}

/** The keys as they are now. Throws SQLite's own errors. */
export class EntriesTable {
  readonly #get;
  readonly #rangeAscending;
  readonly #rangeDescending;
  readonly #put;
  readonly #delete;
  readonly #keysOfPrefix;
  readonly #keysOfLease;

  constructor(database: DatabaseSync) {
    const columns = 'key, value, create_revision, mod_revision, lease';
    const inRange = 'key >= ? AND key < CAST(? AS TEXT)';
    const range = `SELECT ${columns} FROM entries WHERE ${inRange} ORDER BY key`;
    this.#get = database.prepare(`SELECT ${columns} FROM entries WHERE key = ?`);
    this.#rangeAscending = database.prepare(`${range} ASC LIMIT ?`);
    this.#rangeDescending = database.prepare(`${range} DESC LIMIT ?`);
    this.#put = database.prepare(
      `INSERT INTO entries (${columns}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
       value = excluded.value, mod_revision = excluded.mod_revision, lease = excluded.lease`,
    );
    this.#delete = database.prepare('DELETE FROM entries WHERE key = ?');
    this.#keysOfPrefix = database.prepare(`SELECT key FROM entries WHERE ${inRange} ORDER BY key`);
    this.#keysOfLease = database.prepare('SELECT key FROM entries WHERE lease = ? ORDER BY key');
  }

  get(key: string): Entry | undefined {
    const row = this.#get.get(key);
    return row === undefined ? undefined : toEntry(row);
  }

  /** Sorted by key, byte order. */
  range(prefix: string, { limit = -1, order = 'ascending' }: RangeOptions): readonly Entry[] {
    const { low, high } = keyRange(prefix);
    const statement = order === 'ascending' ? this.#rangeAscending : this.#rangeDescending;
    return statement.all(low, high, limit).map(toEntry);
  }

  put(entry: Entry): void {
    const { key, value, createRevision, modRevision, lease = null } = entry;
    this.#put.run(key, value, createRevision, modRevision, lease);
  }

  /** Whether there was such a key. */
  delete(key: string): boolean {
    return this.#delete.run(key).changes !== 0;
  }

  keysOfPrefix(prefix: string): readonly string[] {
    const { low, high } = keyRange(prefix);
    return this.#keysOfPrefix.all(low, high).map((row) => String(row['key']));
  }

  keysOfLease(lease: string): readonly string[] {
    return this.#keysOfLease.all(lease).map((row) => String(row['key']));
  }
}
