import type { Logger } from 'pino';
import type { WallClock, EpochMs } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import type { FencedStore } from '../../leader/fenced-store.ts';
import type { Leader } from '../../leader/leader.ts';
import type { Entry, Store } from '../../store/store.ts';
import {
  CHAIN_HEAD_KEY,
  CHAIN_PREFIX,
  decodeLink,
  LINK_ENTRIES,
  linkKey,
  putBase,
  putLink,
  sealEntries,
  type ChainLink,
  type ChainPosition,
  verifyChain,
  type ChainReport,
} from './chain.ts';
import { readBase, readEnds } from './ends.ts';
import { earlierFindings, headFindings, noteFindings, openLogKey, putHead } from './head.ts';
import { BY_TIME, forgetEntry, isForgettable, RETENTION_MS } from './entries.ts';

/** What the issuance log needs. */
export interface IssuanceLogOptions {
  readonly store: Store;
  /** Only the leader seals as the log grows, so that control planes do not get in each other's way. */
  readonly leader: Pick<Leader, 'isLeader' | 'onChange'>;
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
 *
 * Any number of control planes write entries, in the one order of the store's revisions. A link continues
 * the one before it, of the same or another control plane, and seals a stretch of revisions without a gap:
 *
 *     entries    r1 r2 r3 │ r5 r8 │ r9 ...
 *     links      1        │ 2     │        each only if no link with its number is there
 */
export interface IssuanceLog extends Closeable {
  /** Seals what is there, and checks everything. See `verifyChain`. */
  verify(noted?: Pick<ChainPosition, 'sequence' | 'hash'>): Promise<ChainReport>;
  /** Forgets the links all of whose entries are older than they have to be, oldest first; for the leader. */
  prune(nowMs: EpochMs, leading: FencedStore): Promise<void>;
  /** Resolves when nothing is being sealed any more. */
  close(): Promise<void>;
}

/** Each try means that another control plane on the same store wrote in between. */
const MAX_TRIES = 16;

/** Opens the log and seals what was not sealed. @throws StoreError */
export async function openIssuanceLog(options: IssuanceLogOptions): Promise<IssuanceLog> {
  const { store, leader, clock, logger, guard, renewAfterExpiryMs = 0 } = options;
  const retentionMs = Math.max(RETENTION_MS, renewAfterExpiryMs);
  const { key, firstEnd } = await openLogKey(store);
  if (firstEnd !== undefined && firstEnd.sequence > 0) {
    logger.warn(
      { event: 'issuance-log-key-made' },
      `from now on the end of the issuance log is sealed with a key; link ${firstEnd.sequence} is the end that was found`,
    );
  }
  let sealing: Promise<void> = Promise.resolve();
  let waiting = false;
  const { revision, ...found } = await readLog(store);
  let { head } = found;
  /** By key, in the order in which they were written. */
  const { unsealed } = found;

  const take = (link: ChainLink): void => {
    for (const name of link.entries) unsealed.delete(name);
    if (link.sequence > head.sequence) head = link;
  };
  /** Takes what other control planes have sealed, which the watch may bring later. */
  const catchUp = async (): Promise<void> => {
    for (;;) {
      const next = await store.get(linkKey(head.sequence + 1));
      if (next === undefined) return;
      take(decodeLink(next));
    }
  };
  const sealOnce = async (): Promise<void> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const { base, unchanged } = await readBase(store);
      if (base.sequence > head.sequence) {
        // Forgotten while this process was stopped.
        head = base;
        await catchUp();
      }
      const batch = nextBatch([...unsealed.values()]);
      if (batch.length === 0) return;
      const link = sealEntries(head, batch);
      const compare = { key: linkKey(link.sequence), modRevision: 0 };
      const { succeeded } = await store.transact(
        [compare, unchanged],
        [putLink(link), putHead(key, base, link)],
      );
      if (succeeded) take(link);
      else await catchUp();
      if (succeeded) tries = -1;
    }
  };
  /** Before anything is written that would hide it. */
  const compareEnds = async (): Promise<void> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const { record, base, end } = await readEnds(store);
      await catchUp();
      const findings = headFindings(key, record, { base, head: end });
      if (findings.length === 0) return;
      const compare = { key: CHAIN_HEAD_KEY, modRevision: record?.modRevision ?? 0 };
      // Another control plane that starts at the same time may have found it first.
      const { succeeded } = await store.transact([compare], [putHead(key, base, end)]);
      if (!succeeded) continue;
      const line = { event: 'issuance-log-damaged', findings };
      logger.error(line, `the issuance log was changed from outside: ${findings.join('; ')}`);
      await noteFindings(store, findings, clock.epochMs());
      return;
    }
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
  const sealWhenLeading = (): void => {
    if (leader.isLeader) guard.promise('authority', seal());
  };

  await compareEnds();
  await seal();
  const watch = await store.watch(BY_TIME, revision + 1, ({ events }) => {
    for (const event of events) {
      // Not one that is sealed: that may have been told earlier. What is new has a later revision than all that is.
      if (event.kind === 'put' && event.entry.createRevision > head.revision) {
        unsealed.set(event.entry.key, event.entry);
      }
      if (event.kind === 'delete') unsealed.delete(event.key);
    }
    sealWhenLeading();
  });
  const links = await store.watch(CHAIN_PREFIX, revision + 1, ({ events }) => {
    for (const event of events) if (event.kind === 'put') take(decodeLink(event.entry));
  });
  const stop = leader.onChange(sealWhenLeading);
  return {
    async verify(noted) {
      await seal();
      // What this control plane knows must be there still, whatever others have written since.
      const known = head;
      const report = await verifyChain(store, noted, { growing: true });
      const findings = [
        ...(await earlierFindings(store, clock.epochMs())),
        ...headFindings(key, report.record, report),
        ...(report.head.sequence < known.sequence ? [cutMeanwhile(report.head, known)] : []),
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
      stop();
      await watch.close();
      await links.close();
      await sealing;
    },
  };

  async function pruneUntil(nowMs: EpochMs, leading: FencedStore): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const [first] = (await leading.range(CHAIN_PREFIX, { limit: 1 })).entries;
      if (first === undefined) return;
      const link = decodeLink(first);
      const sealed = await Promise.all(link.entries.map((name) => leading.get(name)));
      const old = sealed.filter((entry) => entry !== undefined);
      if (!old.every((entry) => isForgettable(entry, nowMs, retentionMs))) return;
      const end = head;
      const { succeeded } = await leading.transact(
        [
          { key: first.key, modRevision: first.modRevision },
          // The end is written down as well, and another control plane may have sealed since.
          { key: linkKey(end.sequence + 1), modRevision: 0 },
        ],
        [
          ...old.flatMap(forgetEntry),
          { kind: 'delete', key: first.key },
          putBase(link),
          putHead(key, link, end),
        ],
      );
      if (succeeded) tries = -1;
      else await catchUp();
    }
  }
}

/**
 * What is there at a start: what no link names is not sealed. Revisions do not tell, because a log that was copied from
 * another store has other ones than its links.
 */
async function readLog(store: Store): Promise<{
  readonly head: ChainPosition;
  readonly unsealed: Map<string, Entry>;
  /** At which the entries were read. */
  readonly revision: number;
}> {
  for (;;) {
    const { base } = await readBase(store);
    const { entries, revision } = await store.range(BY_TIME);
    const links = (await store.range(CHAIN_PREFIX)).entries.map(decodeLink);
    // The leader forgets the oldest entries together with their link: then the two do not belong together.
    if ((await readBase(store)).base.sequence !== base.sequence) continue;
    const inOrder = entries.toSorted((a, b) => a.createRevision - b.createRevision);
    const unsealed = new Map(inOrder.map((entry) => [entry.key, entry]));
    for (const name of links.flatMap((link) => link.entries)) unsealed.delete(name);
    return { head: links.at(-1) ?? base, unsealed, revision };
  }
}

/**
 * So many as a link seals. Entries of one revision stay together, as control planes take what a link's revision covers
 * for sealed; but for those of a copied log, of which more than a link seals may share one.
 */
function nextBatch(unsealed: readonly Entry[]): readonly Entry[] {
  const batch = unsealed.slice(0, LINK_ENTRIES);
  const next = unsealed[LINK_ENTRIES];
  const whole = batch.filter(({ createRevision }) => createRevision !== next?.createRevision);
  return whole.length > 0 ? whole : batch;
}

/** The end that this control plane knows is not there any more. */
function cutMeanwhile(found: ChainPosition, known: ChainPosition): string {
  return `the log ends with link ${found.sequence}, and this control plane knows link ${known.sequence}`;
}
