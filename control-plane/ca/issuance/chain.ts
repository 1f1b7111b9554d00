import { createHash } from 'node:crypto';
import { z } from 'zod';
import { recordCodec } from '../../store/record-codec.ts';
import type { Entry, Operation, Store } from '../../store/store.ts';
import { BY_IDENTITY, BY_TIME } from './entries.ts';

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

/** Where both of its ends are written down; see head.ts. */
export const CHAIN_HEAD_KEY = 'issued-chain-head';

/** What all keys of it begin with. */
const ALL_OF_CHAIN = 'issued-chain';

/** Entries of one link at most: with two deletions each, a link is forgotten in one transaction. */
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
const CHAIN_START: ChainPosition = { sequence: 0, hash: '0'.repeat(64), revision: 0 };

/** The hash of a link. */
function linkHash(before: string, entries: readonly Pick<Entry, 'key' | 'value'>[]): string {
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

/** What was found about the issuance log. */
export interface ChainReport {
  /** Entries that are as they were sealed. */
  readonly entries: number;
  readonly links: number;
  /** Where the chain ends: to be noted elsewhere, and compared later. */
  readonly head: ChainPosition;
  /** What the first link continues. */
  readonly base: ChainPosition;
  /** What was written down of both ends, as of the same moment. */
  readonly record: Entry | undefined;
  /** What is wrong, each in a sentence; empty when nothing is. */
  readonly findings: readonly string[];
}

/** More would tell nothing more. */
const MAX_FINDINGS = 20;

/**
 * Checks that nothing in the issuance log was changed, added or taken out, but for the oldest entries,
 * which are forgotten in order. Whether the log ends where it did is another question: see
 * `headFindings`.
 *
 * @param noted a head that was noted before: it must still be in the chain
 * @param growing control planes write to it: what is newer than the last link is not sealed yet
 */
export async function verifyChain(
  store: Store,
  noted?: Pick<ChainPosition, 'sequence' | 'hash'>,
  { growing = false } = {},
): Promise<ChainReport> {
  const { base, links: stored, record } = await readChain(store);
  const end = stored.at(-1)?.revision ?? base.revision;
  const named = new Set(stored.flatMap((link) => link.entries));
  // By its name also: a log that was copied from another store has later revisions than its links.
  const isSealed = ({ key, createRevision }: Entry): boolean =>
    !growing || createRevision <= end || named.has(BY_TIME + orderIn(key));
  const log = (await store.range(BY_TIME)).entries.filter(isSealed);
  const copies = (await store.range(BY_IDENTITY)).entries.filter(isSealed);
  // Forgotten meanwhile by the leader: what was read does not belong together.
  const present = decodeBase(await store.get(CHAIN_BASE_KEY));
  if (present.sequence !== base.sequence) return verifyChain(store, noted, { growing });
  const [unsealed, index] = [entriesByKey(log), entriesByKey(copies)];
  const findings: string[] = [];
  const complain = (sentence: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push(sentence);
  };

  let head = base;
  let entries = 0;
  let isNotedFound = noted === undefined || matches(base, noted);
  for (const link of stored) {
    if (link.sequence !== head.sequence + 1) {
      complain(`the links ${head.sequence + 1} to ${link.sequence - 1} are missing`);
    }
    const sealed = link.entries.flatMap((key) => unsealed.get(key) ?? []);
    for (const key of link.entries) {
      if (!unsealed.delete(key)) complain(`the entry ${key} is missing`);
    }
    if (linkHash(head.hash, sealed) === link.hash) entries += sealed.length;
    else complain(`link ${link.sequence} does not seal what it did: ${describe(link.entries)}`);
    for (const { key, value } of sealed) checkIndex(key, value);
    head = link;
    isNotedFound ||= noted !== undefined && matches(link, noted);
  }
  if (copies.length !== log.length) {
    complain(`there are ${copies.length} entries by identity, and ${log.length} in the log`);
  }
  for (const key of unsealed.keys()) complain(`the entry ${key} was not written by this log`);
  if (!isNotedFound && noted !== undefined) {
    const forgotten = noted.sequence < base.sequence;
    complain(
      forgotten
        ? `link ${noted.sequence} is older than the log, which begins after ${base.sequence}`
        : `link ${noted.sequence} is not the one that was noted`,
    );
  }
  return { entries, links: stored.length, head, base, record, findings };

  function checkIndex(key: string, value: Buffer): void {
    const order = key.slice(BY_TIME.length);
    const copy = index.get(order);
    if (copy === undefined || !copy.value.equals(value)) {
      complain(`the entry ${key} is another one among those of its identity`);
    }
  }
}

/** Everything of the chain as of one moment, but what it seals. @throws StoreError */
async function readChain(store: Store): Promise<{
  readonly base: ChainPosition;
  readonly links: readonly ChainLink[];
  readonly record: Entry | undefined;
}> {
  const { entries } = await store.range(ALL_OF_CHAIN);
  const find = (key: string): Entry | undefined => entries.find((entry) => entry.key === key);
  return {
    base: decodeBase(find(CHAIN_BASE_KEY)),
    links: entries.filter(({ key }) => key.startsWith(CHAIN_PREFIX)).map(decodeLink),
    record: find(CHAIN_HEAD_KEY),
  };
}

/** By their key in the log: that of the index ends in the same order. */
function entriesByKey(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(
    entries.map((entry) => {
      const { key } = entry;
      return [key.startsWith(BY_TIME) ? key : orderIn(key), entry];
    }),
  );
}

/** What the keys of an entry in the log and in the index end with. */
function orderIn(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function matches(place: ChainPosition, noted: Pick<ChainPosition, 'sequence' | 'hash'>): boolean {
  return place.sequence === noted.sequence && place.hash === noted.hash;
}

function describe(entries: readonly string[]): string {
  return `entries differ from ${entries[0] ?? ''} to ${entries.at(-1) ?? ''}`;
}
