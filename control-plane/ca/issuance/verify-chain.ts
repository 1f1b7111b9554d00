import type { Entry, Store } from '../../store/store.ts';
import {
  CHAIN_BASE_KEY,
  CHAIN_PREFIX,
  decodeBase,
  decodeLink,
  linkHash,
  type ChainPosition,
} from './chain.ts';
import { BY_IDENTITY, BY_TIME } from './entries.ts';

/** What was found about the issuance log. */
export interface ChainReport {
  /** Entries that are as they were sealed. */
  readonly entries: number;
  readonly links: number;
  /** Where the chain ends: to be noted elsewhere, and compared later. */
  readonly head: ChainPosition;
  /** What the first link continues. */
  readonly base: ChainPosition;
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
 */
export async function verifyChain(
  store: Store,
  noted?: Pick<ChainPosition, 'sequence' | 'hash'>,
): Promise<ChainReport> {
  const base = decodeBase(await store.get(CHAIN_BASE_KEY));
  const { entries: links } = await store.range(CHAIN_PREFIX);
  const { entries: log } = await store.range(BY_TIME);
  const { entries: copies } = await store.range(BY_IDENTITY);
  const [unsealed, index] = [entriesByKey(log), entriesByKey(copies)];
  const findings: string[] = [];
  const complain = (sentence: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push(sentence);
  };

  let head = base;
  let entries = 0;
  let isNotedFound = noted === undefined || matches(base, noted);
  for (const link of links.map(decodeLink)) {
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
  return { entries, links: links.length, head, base, findings };

  function checkIndex(key: string, value: Buffer): void {
    const order = key.slice(BY_TIME.length);
    const copy = index.get(order);
    if (copy === undefined || !copy.value.equals(value)) {
      complain(`the entry ${key} is another one among those of its identity`);
    }
  }
}

/** By their key in the log: that of the index ends in the same order. */
function entriesByKey(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(
    entries.map((entry) => {
      const { key } = entry;
      return [key.startsWith(BY_TIME) ? key : key.slice(key.lastIndexOf('/') + 1), entry];
    }),
  );
}

function matches(place: ChainPosition, noted: Pick<ChainPosition, 'sequence' | 'hash'>): boolean {
  return place.sequence === noted.sequence && place.hash === noted.hash;
}

function describe(entries: readonly string[]): string {
  return `entries differ from ${entries[0] ?? ''} to ${entries.at(-1) ?? ''}`;
}
