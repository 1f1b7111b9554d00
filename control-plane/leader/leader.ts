import type { Logger } from 'pino';
import { z } from 'zod';
import { plusMs, type MonotonicClock, type MonotonicMs } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { Listeners } from '../../common/listeners.ts';
import { repeat } from '../../common/repeat.ts';
import { recordCodec } from '../store/record-codec.ts';
import { StoreError } from '../store/store-error.ts';
import type { Compare, Entry, Store } from '../store/store.ts';
import { LeaderError } from './leader-error.ts';

/** Who leads: bound to a lease, so that it is gone when the leader is. */
export const LEADER_KEY = 'leader/control-plane';

/**
 * For so long no control plane leads after a leader was lost. What the leader does is due within minutes or hours;
 * a shorter time would end the lead of one that is only busy.
 */
export const LEADER_TTL_MS = 9_000;

/** One may be late or lost before the lease ends. */
const KEEP_ALIVE_MS = LEADER_TTL_MS / 3;

const leaderRecord = recordCodec('who leads', z.object({ id: z.string() }));

/** What electing a leader takes. */
export interface LeaderOptions {
  readonly store: Store;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  /** Of this control plane. */
  readonly id: string;
  /** No other process can use the store: a leader that is found there is one that has ended. */
  readonly exclusive: boolean;
}

/**
 * One of the control planes on a store, by a lease of it:
 *
 *     follows ──the key is vacant, and this one was first to put it──> leads
 *        ^                                                              │
 *        └──the lease has ended, or another put the key──────────────────┘
 *
 * That a process leads is only what it believes: it may have been stopped for an hour since. So each write
 * of what the leader does carries `fence()`, and fails when another one leads by then.
 */
export interface Leader extends Closeable {
  /** False also when the lease was not kept alive for so long that another may lead. */
  readonly isLeader: boolean;
  /** Id of the control plane that leads, as far as is known here. */
  readonly leaderId: string | undefined;
  /** The condition that this control plane leads still. @throws LeaderError `not-leader` */
  fence(): Compare;
  /** Calls back when this control plane begins or ceases to lead; returns the function that ends it. */
  onChange(listener: () => void): () => void;
  /** Looks at once whether it still leads, because a write was refused. */
  lookAgain(): Promise<void>;
  /** Ceases to lead, so that another one can at once. */
  close(): Promise<void>;
}

interface Lead {
  readonly lease: string;
  /** Of the key: what the fence compares. */
  readonly modRevision: number;
  /** Until then the lease lives, by the clock of this process and counted from before it was asked for. */
  readonly untilMs: MonotonicMs;
}

/** Takes part in the election; leads by the time that it resolves when no other one does. @throws StoreError */
export async function openLeader(options: LeaderOptions): Promise<Leader> {
  const { store, clock, logger, guard, id, exclusive } = options;
  const listeners = new Listeners();
  let lead: Lead | undefined;
  let leaderId: string | undefined;
  let complaint: string | undefined;
  let closed = false;
  let turn: Promise<void> = Promise.resolve();

  const cease = (why: string): void => {
    if (lead === undefined) return;
    lead = undefined;
    logger.warn(
      { event: 'leader-lost', controlPlaneId: id },
      `this control plane leads no more: ${why}`,
    );
    listeners.tell();
  };
  const campaign = async (leftover: boolean): Promise<void> => {
    const present = await store.get(LEADER_KEY);
    leaderId = idOf(present);
    if (present !== undefined && !leftover) return;
    const askedMs = clock.monotonicMs();
    const lease = await store.grantLease(LEADER_TTL_MS);
    const value = leaderRecord.encode({ id });
    const { succeeded, revision } = await store.transact(
      [{ key: LEADER_KEY, modRevision: present?.modRevision ?? 0 }],
      [{ kind: 'put', key: LEADER_KEY, value, lease }],
    );
    if (!succeeded) {
      await store.revokeLease(lease);
      leaderId = idOf(await store.get(LEADER_KEY));
      return;
    }
    lead = { lease, modRevision: revision, untilMs: plusMs(askedMs, LEADER_TTL_MS) };
    leaderId = id;
    logger.info({ event: 'leader-elected', controlPlaneId: id }, 'this control plane leads');
    listeners.tell();
  };
  const keep = async (kept: Lead): Promise<void> => {
    const askedMs = clock.monotonicMs();
    try {
      await store.keepLeaseAlive(kept.lease);
      if (lead === kept) lead = { ...kept, untilMs: plusMs(askedMs, LEADER_TTL_MS) };
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'lease-not-found') throw error;
      if (lead === kept) cease('its lease has ended');
    }
  };
  const attend = (leftover = false): Promise<void> => {
    turn = turn.then(async () => {
      if (closed) return;
      if (lead !== undefined) await keep(lead);
      if (lead === undefined) await campaign(leftover);
      complaint = undefined;
    });
    const attended = turn;
    turn = turn.catch((error: unknown) => {
      const sentence = describeError(error);
      if (closed || complaint === sentence) return;
      complaint = sentence;
      const line = { event: 'leader-election-failed', controlPlaneId: id, err: error };
      logger.warn(line, `it cannot be decided which control plane leads: ${sentence}`);
    });
    return attended;
  };
  const attendLater = async (): Promise<void> => {
    // What went wrong is logged, and the next time is soon.
    await Promise.allSettled([attend()]);
  };

  const { revision } = await store.range(LEADER_KEY);
  await attend(exclusive);
  const watch = await store.watch(LEADER_KEY, revision + 1, ({ events }) => {
    for (const event of events) {
      const at = event.kind === 'put' ? event.entry.modRevision : event.revision;
      // What came before it leads says nothing about its lead.
      if (lead !== undefined && at <= lead.modRevision) continue;
      leaderId = event.kind === 'put' ? idOf(event.entry) : undefined;
      cease(leaderId === undefined ? 'its lease has ended' : `${leaderId} does`);
      if (leaderId === undefined) guard.promise('store', attendLater());
    }
  });
  const ticks = repeat(clock, KEEP_ALIVE_MS, attendLater);

  return {
    get isLeader() {
      return !closed && lead !== undefined && clock.monotonicMs() < lead.untilMs;
    },
    get leaderId() {
      return leaderId;
    },
    fence() {
      if (closed || lead === undefined) throw notLeader();
      return { key: LEADER_KEY, modRevision: lead.modRevision };
    },
    onChange: listeners.add,
    lookAgain: attendLater,
    async close() {
      ticks.stop();
      await watch.close();
      await turn;
      closed = true;
      if (lead === undefined) return;
      await store.revokeLease(lead.lease).catch((error: unknown) => {
        const line = { event: 'leader-not-released', controlPlaneId: id, err: error };
        logger.warn(line, `another control plane leads in ${LEADER_TTL_MS / 1000} s`);
      });
    },
  };
}

function idOf(entry: Entry | undefined): string | undefined {
  return entry === undefined ? undefined : leaderRecord.decodeIfSound(entry)?.id;
}

/** What is thrown when the leader's work is asked of one that does not lead. */
export function notLeader(): LeaderError {
  return new LeaderError('not-leader', 'another control plane leads, and does this');
}
