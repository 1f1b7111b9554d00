import type { Logger } from 'pino';
import type { WallClock, EpochMs } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import type { FencedStore } from '../../leader/fenced-store.ts';
import type { Compare, Store } from '../../store/store.ts';
import {
  CHAIN_BASE_KEY,
  CHAIN_PREFIX,
  decodeBase,
  decodeLink,
  LINK_ENTRIES,
  linkKey,
  putBase,
  putLink,
  sealEntries,
  type ChainPosition,
  verifyChain,
  type ChainReport,
} from './chain.ts';
import {
  CHAIN_HEAD_KEY,
  earlierFindings,
  headFindings,
  noteFindings,
  openLogKey,
  putHead,
} from './head.ts';
import { BY_TIME, forgetEntry, isForgettable, RETENTION_MS } from './entries.ts';

/** What the issuance log needs. */
export interface IssuanceLogOptions {
  readonly store: Store;
  readonly clock: WallClock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  /** Entries stay for so long after their certificate has expired at least. */
  readonly renewAfterExpiryMs?: number;
}

/**
 * Seals the issuance log: what is issued is written first, and sealed by the next link of the chain
 * within moments; after a crash, at the next start. The log can only grow at its end, and be forgotten
 * at its beginning.
 */
export interface IssuanceLog extends Closeable {
  /** Seals what is there, and checks everything. See `verifyChain`. */
  verify(noted?: Pick<ChainPosition, 'sequence' | 'hash'>): Promise<ChainReport>;
  /** Forgets the links all of whose entries are older than they have to be, oldest first; for the leader. */
  prune(nowMs: EpochMs, leading: FencedStore): Promise<void>;
  /** Resolves when nothing is being sealed any more. */
  close(): Promise<void>;
}

/** Another control plane on the same store sealed in between. */
const MAX_TRIES = 8;

/** Opens the log and seals what was not sealed. @throws StoreError */
export async function openIssuanceLog(options: IssuanceLogOptions): Promise<IssuanceLog> {
  const { store, clock, logger, guard, renewAfterExpiryMs = 0 } = options;
  const retentionMs = Math.max(RETENTION_MS, renewAfterExpiryMs);
  const { key, isNew } = await openLogKey(store);
  let head = await readHead(store);
  let sealing: Promise<void> = Promise.resolve();
  let waiting = false;
  const { entries, revision } = await store.range(BY_TIME);
  /** In the order in which they were written. */
  let unsealed = [...entries].sort((a, b) => a.createRevision - b.createRevision);

  const sealOnce = async (): Promise<void> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const after = head.revision;
      unsealed = unsealed.filter(({ createRevision }) => createRevision > after);
      const batch = unsealed.slice(0, LINK_ENTRIES);
      if (batch.length === 0) return;
      const link = sealEntries(head, batch);
      const compare = { key: linkKey(link.sequence), modRevision: 0 };
      const { base, unchanged } = await readBase(store);
      const { succeeded } = await store.transact(
        [compare, unchanged],
        [putLink(link), putHead(key, base, link)],
      );
      head = succeeded ? link : await readHead(store);
      if (succeeded) tries = -1;
    }
  };
  /** Before anything is written that would hide it. */
  const compareEnds = async (): Promise<void> => {
    const { base } = await readBase(store);
    const record = await store.get(CHAIN_HEAD_KEY);
    const isFirst = isNew && record === undefined;
    const findings = isFirst ? [] : headFindings(key, record, { base, head });
    if (isFirst && head.sequence > 0) {
      logger.warn(
        { event: 'issuance-log-key-made' },
        `from now on the end of the issuance log is sealed with a key; link ${head.sequence} is the end that was found`,
      );
    }
    if (findings.length > 0) {
      const line = { event: 'issuance-log-damaged', findings };
      logger.error(line, `the issuance log was changed from outside: ${findings.join('; ')}`);
      await noteFindings(store, findings, clock.epochMs());
    }
    if (isFirst || findings.length > 0) await store.transact([], [putHead(key, base, head)]);
  };
  const seal = (): Promise<void> => {
    // Whatever is written until it begins is sealed with it.
    if (waiting) return sealing;
    waiting = true;
    sealing = sealing.then(async () => {
      waiting = false;
      try {
        await sealOnce();
      } catch (error) {
        logger.error(
          { event: 'issuances-not-sealed', err: error },
          `the issuance log is written, but not sealed yet: ${describeError(error)}`,
        );
      }
    });
    return sealing;
  };

  await compareEnds();
  await seal();
  const watch = await store.watch(BY_TIME, revision + 1, ({ events }) => {
    for (const event of events) if (event.kind === 'put') unsealed.push(event.entry);
    guard.promise('authority', seal());
  });
  return {
    async verify(noted) {
      await seal();
      const report = await verifyChain(store, noted);
      const record = await store.get(CHAIN_HEAD_KEY);
      const findings = [
        ...(await earlierFindings(store, clock.epochMs())),
        ...headFindings(key, record, report),
        ...(report.head.hash === head.hash ? [] : [changedMeanwhile(report.head, head)]),
        ...report.findings,
      ];
      return { ...report, findings };
    },
    prune(nowMs, leading) {
      // In the turn of sealing: both write down where the log begins and ends.
      const pruned = sealing.then(() => pruneUntil(nowMs, leading));
      sealing = pruned.catch(ignoreError);
      return pruned;
    },
    async close() {
      await watch.close();
      await sealing;
    },
  };

  async function pruneUntil(nowMs: EpochMs, leading: FencedStore): Promise<void> {
    for (;;) {
      const [first] = (await leading.range(CHAIN_PREFIX, { limit: 1 })).entries;
      if (first === undefined) return;
      const link = decodeLink(first);
      const sealed = await Promise.all(link.entries.map((name) => leading.get(name)));
      const old = sealed.filter((entry) => entry !== undefined);
      if (!old.every((entry) => isForgettable(entry, nowMs, retentionMs))) return;
      const { succeeded } = await leading.transact(
        [{ key: first.key, modRevision: first.modRevision }],
        [
          ...old.flatMap(forgetEntry),
          { kind: 'delete', key: first.key },
          putBase(link),
          putHead(key, link, head),
        ],
      );
      if (!succeeded) return;
    }
  }
}

/** Another process has written to the store, which only this one should do. */
function changedMeanwhile(found: ChainPosition, own: ChainPosition): string {
  return `the log ends with link ${found.sequence}, and this control plane has written link ${own.sequence} last`;
}

async function readBase(
  store: Store,
): Promise<{ readonly base: ChainPosition; readonly unchanged: Compare }> {
  const entry = await store.get(CHAIN_BASE_KEY);
  const unchanged = { key: CHAIN_BASE_KEY, modRevision: entry?.modRevision ?? 0 };
  return { base: decodeBase(entry), unchanged };
}

async function readHead(store: Store): Promise<ChainPosition> {
  const [last] = (await store.range(CHAIN_PREFIX, { limit: 1, order: 'descending' })).entries;
  return last === undefined ? decodeBase(await store.get(CHAIN_BASE_KEY)) : decodeLink(last);
}
