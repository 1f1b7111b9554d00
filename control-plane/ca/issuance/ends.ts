import type { Compare, Entry, Store } from '../../store/store.ts';
import {
  CHAIN_BASE_KEY,
  CHAIN_HEAD_KEY,
  CHAIN_PREFIX,
  decodeBase,
  decodeLink,
  type ChainPosition,
} from './chain.ts';

/** Where the chain begins and ends, and what was written down of it, as of one moment. */
export interface ChainEnds {
  readonly record: Entry | undefined;
  readonly base: ChainPosition;
  readonly end: ChainPosition;
}

/** Each change of an end writes the record: one that stayed the same tells that the ends did. @throws StoreError */
export async function readEnds(store: Store): Promise<ChainEnds> {
  for (;;) {
    const record = await store.get(CHAIN_HEAD_KEY);
    const { base } = await readBase(store);
    const end = await readHead(store);
    const after = await store.get(CHAIN_HEAD_KEY);
    if (after?.modRevision === record?.modRevision) return { record, base, end };
  }
}

/** Where the chain begins, and the condition that it still does. @throws StoreError */
export async function readBase(
  store: Store,
): Promise<{ readonly base: ChainPosition; readonly unchanged: Compare }> {
  const entry = await store.get(CHAIN_BASE_KEY);
  const unchanged = { key: CHAIN_BASE_KEY, modRevision: entry?.modRevision ?? 0 };
  return { base: decodeBase(entry), unchanged };
}

/** The last link; where there is none, where the chain begins. @throws StoreError */
export async function readHead(store: Store): Promise<ChainPosition> {
  const [last] = (await store.range(CHAIN_PREFIX, { limit: 1, order: 'descending' })).entries;
  return last === undefined ? decodeBase(await store.get(CHAIN_BASE_KEY)) : decodeLink(last);
}
