import {
  KVService,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type KeyValue,
  type RangeRequest,
  type RangeResponse,
} from '../../../proto/gen/etcdserverpb/rpc.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './client.ts';
import { isFuture, readFailure } from './etcd-error.ts';
import type { EtcdRange } from './key-space.ts';

/** Of one answer: of sidecars, some 3 MB, which holds neither side up. */
const PAGE_KEYS = 1_000;

/** A read of several pages begins again when what it reads was compacted meanwhile, which is done every few minutes. */
const MAX_TRIES = 3;

/** What is read. */
export interface RangeRead {
  /** At most so many keys, from the first on. */
  readonly limit?: number;
  /** As of this revision; by default the present. */
  readonly revision?: number;
  /** Without the values. */
  readonly keysOnly?: boolean;
}

/** A consistent read, in etcd's terms. */
export interface EtcdRangeResult {
  /** Sorted by key, in byte order. */
  readonly kvs: readonly KeyValue[];
  /** That it shows. */
  readonly revision: number;
}

/** Reads a range in pages, all as of one revision. @throws StoreError `compacted`, `unavailable`, … */
export async function readRange(
  client: EtcdClient,
  range: EtcdRange,
  read: RangeRead = {},
): Promise<EtcdRangeResult> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await readPages(client, range, read);
    } catch (error) {
      const isCompacted = error instanceof StoreError && error.code === 'compacted';
      if (!isCompacted || read.revision !== undefined || tries === MAX_TRIES) throw error;
    }
  }
}

/** Reads from the last key on. @throws StoreError */
export async function readDescending(
  client: EtcdClient,
  range: EtcdRange,
  limit: number,
): Promise<EtcdRangeResult> {
  const sortOrder = RangeRequest_SortOrder.DESCEND;
  return toResult(await client.call(KVService.range, request(range, { limit, sortOrder })));
}

/**
 * As of a revision, or of the present where it is still to come.
 *
 * @throws StoreError `compacted`
 */
export async function readPast(
  client: EtcdClient,
  range: EtcdRange,
  revision: number,
): Promise<EtcdRangeResult> {
  try {
    return await readRange(client, range, { revision, keysOnly: true });
  } catch (error) {
    if (error instanceof StoreError && isFuture(readFailure(error.cause))) {
      return readRange(client, range, { keysOnly: true });
    }
    throw error;
  }
}

async function readPages(
  client: EtcdClient,
  range: EtcdRange,
  { limit = Infinity, revision: at = 0, keysOnly = false }: RangeRead,
): Promise<EtcdRangeResult> {
  const kvs: KeyValue[] = [];
  let revision = at;
  let { key } = range;
  for (;;) {
    const page = { limit: Math.min(limit - kvs.length, PAGE_KEYS), revision, keysOnly };
    const response = await client.call(KVService.range, request({ ...range, key }, page));
    kvs.push(...response.kvs);
    if (revision === 0) ({ revision } = toResult(response));
    const last = response.kvs.at(-1);
    if (!response.more || last === undefined || kvs.length >= limit) return { kvs, revision };
    // The next key in byte order.
    key = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

function request(range: EtcdRange, page: Partial<RangeRequest>): RangeRequest {
  return {
    limit: 0,
    revision: 0,
    sortOrder: RangeRequest_SortOrder.NONE,
    sortTarget: RangeRequest_SortTarget.KEY,
    keysOnly: false,
    ...page,
    ...range,
  };
}

function toResult({ header, kvs }: RangeResponse): EtcdRangeResult {
  return { kvs, revision: header?.revision ?? 0 };
}
