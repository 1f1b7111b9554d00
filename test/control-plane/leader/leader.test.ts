/** One control plane leads; one that was asleep writes nothing late. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createGuard } from '../../../common/guard.ts';
import { fencedStore } from '../../../control-plane/leader/fenced-store.ts';
import {
  LEADER_KEY,
  LEADER_TTL_MS,
  openLeader,
  type Leader,
} from '../../../control-plane/leader/leader.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { StoreError } from '../../../control-plane/store/store-error.ts';
import { forwarded, type Store, type WatchBatch } from '../../../control-plane/store/store.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** A candidate with a clock of its own, which stands still while the process is stopped. */
interface Candidate {
  readonly leader: Leader;
  readonly clock: ManualClock;
}

async function world(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  const { logger } = createLogRecorder();
  /** Of the store, which is another process. */
  const clock = createManualClock();
  const path = join(directory.path, 'x.db');
  const store = await openSqliteStore({ path, clock, logger });
  const candidates: Candidate[] = [];
  t.teardown(async () => {
    for (const { leader } of candidates) await leader.close();
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  return {
    store,
    clock,
    async join(id: string, { exclusive = false, through = forwarded(store) } = {}) {
      const own = createManualClock();
      const guard = createGuard({ clock: own, logger });
      const leader = await openLeader({
        store: through,
        clock: own,
        logger,
        guard,
        id,
        exclusive,
      });
      const candidate = { leader, clock: own };
      candidates.push(candidate);
      return candidate;
    },
    /** Time passes for the store and for those that run. */
    async pass(ms: number, ...running: readonly Candidate[]) {
      for (let left = ms; left > 0; left -= 500) {
        await clock.advance(500);
        for (const candidate of running) await candidate.clock.advance(500);
      }
    },
  };
}

/** A store as a process sees it that is stopped: what it watches reaches it when it goes on. */
function stoppable(store: Store): { readonly through: Store; stop(): void; goOn(): void } {
  const waiting: (() => void)[] = [];
  let stopped = false;
  return {
    through: {
      ...forwarded(store),
      watch: (prefix, from, listener) =>
        store.watch(prefix, from, (batch: WatchBatch) => {
          if (stopped) waiting.push(() => listener(batch));
          else listener(batch);
        }),
    },
    stop() {
      stopped = true;
    },
    goOn() {
      stopped = false;
      for (const deliver of waiting.splice(0)) deliver();
    },
  };
}

const leads = (what: string, { leader }: Candidate): Promise<true> =>
  eventually(what, () => leader.isLeader || undefined);

test('the first one leads by the time that it is open, and the next one follows', async (t) => {
  const { join: open, pass } = await world(t);
  const one = await open('one');
  t.true(one.leader.isLeader);
  const two = await open('two');
  t.false(two.leader.isLeader);
  t.deepEqual([one.leader.leaderId, two.leader.leaderId], ['one', 'one']);
  await pass(10 * LEADER_TTL_MS, one, two);
  t.deepEqual([one.leader.isLeader, two.leader.isLeader], [true, false]);
});

test('of many that begin at once exactly one leads', async (t) => {
  const { join: open } = await world(t);
  const all = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => open(id)));
  t.is(all.filter(({ leader }) => leader.isLeader).length, 1);
  t.is(new Set(all.map(({ leader }) => leader.leaderId)).size, 1);
});

test('when the leader closes another one leads at once', async (t) => {
  const { join: open } = await world(t);
  const one = await open('one');
  const two = await open('two');
  const changed = new Promise<void>((resolve) => void two.leader.onChange(resolve));
  await one.leader.close();
  await changed;
  t.true(two.leader.isLeader);
  t.is(two.leader.leaderId, 'two');
  t.false(one.leader.isLeader);
  t.throws(() => one.leader.fence(), { code: 'not-leader' });
});

test('a leader that was asleep writes nothing late, and knows it when it tries', async (t) => {
  const { store, join: open, pass } = await world(t);
  const { through, stop, goOn } = stoppable(store);
  const sleeper = await open('sleeper', { through });
  const other = await open('other');
  const leading = fencedStore(store, sleeper.leader);
  const put = { kind: 'put', key: 'once', value: Buffer.from('by the sleeper') } as const;
  t.true((await leading.transact([], [put])).succeeded);

  stop();
  // SIGSTOP: no time passes for it, and it believes that it leads when it goes on.
  await pass(LEADER_TTL_MS + 1_000, other);
  await leads('the other one leads', other);
  t.true(sleeper.leader.isLeader, 'so it believes');
  const late = { ...put, value: Buffer.from('late') };
  await t.throwsAsync(leading.transact([], [late]), { code: 'not-leader' });
  t.is((await store.get('once'))?.value.toString(), 'by the sleeper');
  t.false(sleeper.leader.isLeader, 'by the answer it knows');
  goOn();
  t.is(sleeper.leader.leaderId, 'other');
  await t.throwsAsync(leading.transact([], [late]), { code: 'not-leader' });
  t.true((await fencedStore(store, other.leader).transact([], [late])).succeeded);
});

test('a leader that was asleep while nobody else was there leads again, under another fence', async (t) => {
  const { store, join: open, pass } = await world(t);
  const { through, stop, goOn } = stoppable(store);
  const one = await open('one', { through });
  const before = one.leader.fence();
  stop();
  await pass(LEADER_TTL_MS + 1_000);
  goOn();
  await pass(1_000, one);
  await leads('it leads again', one);
  t.not(one.leader.fence().modRevision, before.modRevision);
});

test('a leader that cannot reach the store does not call itself one for longer than its lease', async (t) => {
  const { store, join: open, pass } = await world(t);
  let gone = false;
  const through: Store = {
    ...forwarded(store),
    async keepLeaseAlive(lease) {
      if (gone) throw new StoreError('unavailable', 'the store is gone');
      await store.keepLeaseAlive(lease);
    },
  };
  const one = await open('one', { through });
  gone = true;
  await one.clock.advance(LEADER_TTL_MS - 1);
  t.true(one.leader.isLeader);
  await one.clock.advance(1);
  t.false(one.leader.isLeader);
  gone = false;
  await pass(5_000, one);
  t.true(one.leader.isLeader, 'its lease has lived on in the store');
});

test('where no other process can use the store, a lease that is left over is no leader', async (t) => {
  const { store, join: open } = await world(t);
  await open('killed');
  const next = await open('next', { exclusive: true });
  t.true(next.leader.isLeader);
  t.true((await store.get(LEADER_KEY))?.value.toString().includes('next'));
});

test('a condition of its own that does not hold is no loss of the lead', async (t) => {
  const { store, join: open } = await world(t);
  const one = await open('one');
  const leading = fencedStore(store, one.leader);
  const put = { kind: 'put', key: 'once', value: Buffer.from('x') } as const;
  const { succeeded } = await leading.transact([{ key: 'once', modRevision: 7 }], [put]);
  t.false(succeeded);
  t.true(one.leader.isLeader);
});
