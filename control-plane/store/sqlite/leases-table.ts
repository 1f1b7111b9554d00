import type { DatabaseSync } from 'node:sqlite';

/** A lease as it is stored. */
export interface StoredLease {
  readonly id: string;
  readonly ttlMs: number;
}

/** The leases that were granted and have not ended. Throws SQLite's own errors. */
export class LeasesTable {
  readonly #all;
  readonly #has;
  readonly #insert;
  readonly #delete;

  constructor(database: DatabaseSync) {
    this.#all = database.prepare('SELECT id, ttl_ms FROM leases');
    this.#has = database.prepare('SELECT 1 FROM leases WHERE id = ?');
    this.#insert = database.prepare('INSERT INTO leases (id, ttl_ms) VALUES (?, ?)');
    this.#delete = database.prepare('DELETE FROM leases WHERE id = ?');
  }

  all(): readonly StoredLease[] {
    return this.#all.all().map((row) => ({ id: String(row['id']), ttlMs: Number(row['ttl_ms']) }));
  }

  has(id: string): boolean {
    return this.#has.get(id) !== undefined;
  }

  insert({ id, ttlMs }: StoredLease): void {
    this.#insert.run(id, ttlMs);
  }

  delete(id: string): void {
    this.#delete.run(id);
  }
}
