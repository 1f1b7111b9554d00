import { Event_EventType, type Event, type KeyValue } from '../../../proto/gen/etcdserverpb/rpc.ts';
import { isSecret, type Entry, type StoreEvent } from '../store.ts';

/** A key, or a prefix, as etcd wants it: everything from `key` up to `rangeEnd`, which is not in it. */
export interface EtcdRange {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
}

/** Of a range that is a key alone. */
export const ONE_KEY = { rangeEnd: Buffer.alloc(0) } as const;

/**
 * Where the store is in etcd, and what its keys and revisions are there:
 *
 *     <prefix>schema             what is here, and for which Hauberk
 *     <prefix>data/<key>         the keys of the store
 *     <prefix>receipts/<id>/<n>  which transaction was made last, see receipts.ts
 *
 * Revisions are etcd's, of which other programs may use up some, and so much more: a store that was moved here from
 * elsewhere goes on counting where it was.
 */
export class KeySpace {
  readonly prefix: string;
  readonly #data: Buffer;
  #offset = 0;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.#data = Buffer.from(`${prefix}data/`);
  }

  /** What the store's revisions are ahead of etcd's. */
  get revisionOffset(): number {
    return this.#offset;
  }

  set revisionOffset(offset: number) {
    this.#offset = offset;
  }

  /** Of a key of the store. */
  keyOf(key: string): Buffer {
    return Buffer.concat([this.#data, Buffer.from(key)]);
  }

  /** All keys of the store that begin so. */
  rangeOf(prefix: string): EtcdRange {
    return prefixRange(this.keyOf(prefix));
  }

  /** The store's revision for one of etcd's. */
  toRevision(etcdRevision: number): number {
    return etcdRevision + this.#offset;
  }

  /** etcd's revision for one of the store's; below 1 where the store was elsewhere then. */
  fromRevision(revision: number): number {
    return revision - this.#offset;
  }

  /** The key as the store has it. */
  nameOf(key: Buffer): string {
    return key.toString('utf8', this.#data.length);
  }

  toEntry({ key, value, createRevision, modRevision, lease }: KeyValue): Entry {
    const entry = {
      key: this.nameOf(key),
      value,
      createRevision: this.toRevision(createRevision),
      modRevision: this.toRevision(modRevision),
    };
    return lease === 0 ? entry : { ...entry, lease: formatLease(lease) };
  }

  /** Undefined for one without a key, which etcd does not send. */
  toEvent({ type, kv }: Event): StoreEvent | undefined {
    if (kv === undefined) return undefined;
    const key = this.nameOf(kv.key);
    const revision = this.toRevision(kv.modRevision);
    if (isSecret(key)) return { kind: 'secret', key, revision };
    return type === Event_EventType.PUT
      ? { kind: 'put', entry: this.toEntry(kv) }
      : { kind: 'delete', key, revision };
  }
}

/** The end of the range of all keys with this prefix: the prefix with its last byte one higher. */
export function prefixRange(prefix: Buffer): EtcdRange {
  const rangeEnd = Buffer.from(prefix);
  // A prefix of ours ends in UTF-8, which has no byte 255.
  rangeEnd.writeUInt8(rangeEnd.readUInt8(rangeEnd.length - 1) + 1, rangeEnd.length - 1);
  return { key: prefix, rangeEnd };
}

/** The lease as the store names it. */
export function formatLease(id: number): string {
  return id.toString(16);
}

/** The lease as etcd names it; undefined when it cannot be one of ours. */
export function parseLease(lease: string): number | undefined {
  const id = /^[0-9a-f]{1,14}$/.test(lease) ? Number.parseInt(lease, 16) : 0;
  return id > 0 && Number.isSafeInteger(id) ? id : undefined;
}
