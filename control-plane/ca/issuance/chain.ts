import { createHash } from 'node:crypto';
import { z } from 'zod';
import { recordCodec } from '../../store/record-codec.ts';
import type { Entry, Operation } from '../../store/store.ts';

/*
 * The chain over the issuance log: each link seals some entries, in the order in which they were
 * written, together with the link before it.
 *
 *   issued-chain/<sequence>   {hash, entries: [<key>, …], revision}
 *   issued-chain-base         {sequence, hash}  what the first link continues: all before it was forgotten
 *
 *   hash = SHA-256(hash before, then for each entry its key and its value, each with its length)
 */

/** All links. */
export const CHAIN_PREFIX = 'issued-chain/';

/** Where the chain begins. */
export const CHAIN_BASE_KEY = 'issued-chain-base';

/** Entries of one link: with two deletions each, a link is forgotten in one transaction. */
export const LINK_ENTRIES = 50;

const SEQUENCE_DIGITS = 12;

const links = recordCodec(
  'a link',
  z.object({
    hash: z.string(),
    entries: z.array(z.string()).readonly(),
    /** Of the store, at the newest of the entries. */
    revision: z.number(),
  }),
);
const bases = recordCodec(
  'where the chain begins',
  z.object({ sequence: z.number(), hash: z.string(), revision: z.number() }),
);

/** A position in the chain: everything up to it is in the hash. */
export interface ChainPosition {
  /** 0 is before the first link. */
  readonly sequence: number;
  readonly hash: string;
  /** Entries up to this revision of the store are sealed. */
  readonly revision: number;
}

/** A link, read back. */
export interface ChainLink extends ChainPosition {
  /** Keys of the entries that it seals. */
  readonly entries: readonly string[];
}

/** The head of a chain without links. */
export const CHAIN_START: ChainPosition = { sequence: 0, hash: '0'.repeat(64), revision: 0 };

/** The hash of a link. */
export function linkHash(before: string, entries: readonly Pick<Entry, 'key' | 'value'>[]): string {
  const hash = createHash('sha256').update(before);
  for (const { key, value } of entries) {
    hash.update(`\n${key}\n${value.length}\n`).update(value);
  }
  return hash.digest('hex');
}

/** The key of a link. */
export function linkKey(sequence: number): string {
  return CHAIN_PREFIX + String(sequence).padStart(SEQUENCE_DIGITS, '0');
}

/** The next link after a position. */
export function sealEntries(after: ChainPosition, entries: readonly Entry[]): ChainLink {
  return {
    sequence: after.sequence + 1,
    hash: linkHash(after.hash, entries),
    entries: entries.map(({ key }) => key),
    revision: entries.reduce((last, entry) => Math.max(last, entry.createRevision), after.revision),
  };
}

/** The change that writes a link down. */
export function putLink(link: ChainLink): Operation {
  return { kind: 'put', key: linkKey(link.sequence), value: links.encode(link) };
}

/** The change that makes a chain begin after a place. */
export function putBase(place: ChainPosition): Operation {
  return { kind: 'put', key: CHAIN_BASE_KEY, value: bases.encode(place) };
}

/** Reads a link. Throws StoreError `corrupt`. */
export function decodeLink(entry: Entry): ChainLink {
  const sequence = Number(entry.key.slice(CHAIN_PREFIX.length));
  return { sequence, ...links.decode(entry) };
}

/** Reads where the chain begins. Throws StoreError `corrupt`. */
export function decodeBase(entry: Entry | undefined): ChainPosition {
  return entry === undefined ? CHAIN_START : bases.decode(entry);
}
