import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { recordCodec } from '../../store/record-codec.ts';
import type { Entry, Operation, Store } from '../../store/store.ts';
import { CHAIN_HEAD_KEY, linkKey, type ChainPosition } from './chain.ts';
import { readEnds } from './ends.ts';

/*
 * Where the chain over the issuance log begins and ends, beside it, so that its newest links cannot be
 * taken away, nor be forgotten as if they were old:
 *
 *   issued-chain-head      {base, head, mac}  changed together with the chain
 *   ca/log-key             what the mac is made with; encrypted where the keys of the mesh are
 *   issued-chain-findings  [{atMs, finding}]  what did not fit at a start, before anything was written
 */

const LOG_KEY = 'ca/log-key';
const FINDINGS_KEY = 'issued-chain-findings';
const KEY_BYTES = 32;

/** What was found stays for so long, and at most so much of it. */
const KEEP_FINDINGS_MS = 30 * 24 * 60 * 60 * 1000;
const MAX_FINDINGS = 20;

const place = z.object({ sequence: z.number(), hash: z.string() });
const heads = recordCodec(
  'the ends of the chain',
  z.object({ base: place, head: place, mac: z.string() }),
);
const findingsRecord = z.array(z.object({ atMs: z.number(), finding: z.string() }));
const findingsCodec = recordCodec('what was found', findingsRecord);

/** A link, without what it seals. */
type Place = Pick<ChainPosition, 'sequence' | 'hash'>;

/** The key of the log, and the end of the chain that was written down with it when it was made here. */
export interface LogKey {
  readonly key: Buffer;
  readonly firstEnd: Place | undefined;
}

/**
 * Gives the key of the log; made when there is none, together with the first record of the ends: another control plane
 * that starts, or this one after a crash, must not find a key without a record, which is what tampering looks like.
 *
 * @throws StoreError
 */
export async function openLogKey(store: Store): Promise<LogKey> {
  for (;;) {
    const entry = await store.get(LOG_KEY);
    if (entry !== undefined) {
      return { key: Buffer.from(entry.value.toString(), 'base64'), firstEnd: undefined };
    }
    const { record, base, end } = await readEnds(store);
    const key = randomBytes(KEY_BYTES);
    const value = Buffer.from(key.toString('base64'));
    // A record that is there without a key stays, and is found to be of another log.
    const first = record === undefined ? [putHead(key, base, end)] : [];
    const { succeeded } = await store.transact(
      [
        { key: LOG_KEY, modRevision: 0 },
        { key: CHAIN_HEAD_KEY, modRevision: record?.modRevision ?? 0 },
        { key: linkKey(end.sequence + 1), modRevision: 0 },
      ],
      [{ kind: 'put', key: LOG_KEY, value }, ...first],
    );
    if (succeeded) return { key, firstEnd: record === undefined ? end : undefined };
  }
}

/** The change that writes down where the chain begins and ends. */
export function putHead(key: Buffer, base: Place, head: Place): Operation {
  const ends = { base: placeOf(base), head: placeOf(head) };
  const value = heads.encode({ ...ends, mac: macOf(key, ends) });
  return { kind: 'put', key: CHAIN_HEAD_KEY, value };
}

/** What does not fit between the record of the chain's ends and the chain, in sentences. */
export function headFindings(
  key: Buffer,
  entry: Entry | undefined,
  { base, head }: { readonly base: Place; readonly head: Place },
): readonly string[] {
  if (entry === undefined) return ['the record of where the log ends is missing'];
  const record = heads.decodeIfSound(entry);
  if (record === undefined || !isMac(macOf(key, record), record.mac)) {
    return ['the record of where the log ends was not written by this log'];
  }
  const findings: string[] = [];
  if (record.head.sequence > head.sequence) {
    findings.push(
      `the newest links are missing: ${head.sequence + 1} to ${record.head.sequence}, with their entries`,
    );
  } else if (!isSame(record.head, head)) {
    findings.push(`the log ends with link ${head.sequence}, which is not the recorded end`);
  }
  if (!isSame(record.base, base)) {
    findings.push(
      `the log begins after link ${base.sequence}, and not after ${record.base.sequence}`,
    );
  }
  return findings;
}

/** Keeps what was found at a start. @throws StoreError */
export async function noteFindings(
  store: Store,
  findings: readonly string[],
  nowMs: number,
): Promise<void> {
  const added = findings.map((finding) => ({ atMs: nowMs, finding }));
  for (;;) {
    const { known, modRevision } = await readFindings(store, nowMs);
    const value = findingsCodec.encode([...added, ...known].slice(0, MAX_FINDINGS));
    const compare = { key: FINDINGS_KEY, modRevision };
    const put: Operation = { kind: 'put', key: FINDINGS_KEY, value };
    if ((await store.transact([compare], [put])).succeeded) return;
  }
}

/** What was found at earlier starts, in sentences. @throws StoreError */
export async function earlierFindings(store: Store, nowMs: number): Promise<readonly string[]> {
  const { known } = await readFindings(store, nowMs);
  return known.map(
    ({ atMs, finding }) => `at the start of ${new Date(atMs).toISOString()}: ${finding}`,
  );
}

async function readFindings(
  store: Store,
  nowMs: number,
): Promise<{ known: z.infer<typeof findingsRecord>; modRevision: number }> {
  const entry = await store.get(FINDINGS_KEY);
  const known = entry === undefined ? [] : (findingsCodec.decodeIfSound(entry) ?? []);
  return {
    known: known.filter(({ atMs }) => nowMs - atMs < KEEP_FINDINGS_MS),
    modRevision: entry?.modRevision ?? 0,
  };
}

function placeOf({ sequence, hash }: Place): Place {
  return { sequence, hash };
}

function isSame(a: Place, b: Place): boolean {
  return a.sequence === b.sequence && a.hash === b.hash;
}

function macOf(
  key: Buffer,
  { base, head }: { readonly base: Place; readonly head: Place },
): string {
  const text = [base, head].map(({ sequence, hash }) => `${sequence} ${hash}\n`).join('');
  return createHmac('sha256', key).update(text).digest('hex');
}

function isMac(expected: string, got: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(got)];
  return a.length === b.length && timingSafeEqual(a, b);
}
