/** The issuance log in a copy of a store: its entries have other revisions than its links know, and it stays whole. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { plusMs, systemClock, type EpochMs } from '../../../../common/clock.ts';
import { createGuard } from '../../../../common/guard.ts';
import { spiffeId } from '../../../../common/pki/spiffe-id.ts';
import { recordIssuance } from '../../../../control-plane/ca/issuance/entries.ts';
import { openIssuanceLog, type IssuanceLog } from '../../../../control-plane/ca/issuance/log.ts';
import { copyEntries } from '../../../../control-plane/server/storage/copy-store.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const WEB = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
const { logger } = createLogRecorder();

async function openStore(t: ExecutionContext, revisionOffset = 0): Promise<Store> {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'hauberk.db');
  const store = await openSqliteStore({ path, clock: systemClock, logger, revisionOffset });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  return store;
}

function openLog(store: Store): Promise<IssuanceLog> {
  const clock = createManualClock(1_000_000);
  const leader = { isLeader: true, onChange: () => () => undefined };
  return openIssuanceLog({ store, leader, clock, logger, guard: createGuard({ clock, logger }) });
}

async function issue(store: Store, count: number, now: number): Promise<void> {
  const nowMs = now as EpochMs;
  for (let at = 0; at < count; at += 1) {
    const entry = {
      serial: `${nowMs.toString(16)}${at.toString(16).padStart(4, '0')}`,
      spiffeId: WEB.uri,
      issuedMs: nowMs,
      notAfterMs: plusMs(nowMs, 1000),
      proof: 'renewal' as const,
    };
    await store.transact([], recordIssuance(entry, WEB));
  }
}

// Where the copy counts from: below all revisions that the links know, as nothing does any more, and above them.
for (const offset of [0, 1_000_000]) {
  test(`what was not sealed is sealed in the copy, once, and what was stays so (from ${offset})`, async (t) => {
    const store = await openStore(t, 500);
    const log = await openLog(store);
    await issue(store, 70, 1_000_000);
    const before = await log.verify();
    await log.close();
    // As after a crash; more than a transaction of the copy has, and more than a link seals.
    await issue(store, 130, 1_000_001);

    const copy = await openStore(t, offset);
    await copyEntries(store, copy);
    const copied = await openLog(copy);
    const { findings, entries, head } = await copied.verify(before.head);
    t.deepEqual(findings, []);
    t.is(entries, 200);
    t.true(head.sequence > before.head.sequence);
    const names = (await copy.range('issued-chain/')).entries.flatMap(
      ({ value }) => (JSON.parse(value.toString()) as { entries: string[] }).entries,
    );
    t.is(names.length, 200);
    t.is(new Set(names).size, 200);
    await copied.close();
    const again = await openLog(copy);
    t.deepEqual((await again.verify(head)).head, head, 'a restart seals nothing again');
    await again.close();
  });
}

test('the copy goes on: what is issued there is sealed, and what is slipped in there is found', async (t) => {
  const store = await openStore(t);
  const log = await openLog(store);
  await issue(store, 10, 1_000_000);
  await log.verify();
  await log.close();
  const copy = await openStore(t, 1_000_000);
  await copyEntries(store, copy);
  const copied = await openLog(copy);
  await issue(copy, 10, 1_000_002);
  const { findings, entries } = await copied.verify();
  t.deepEqual([findings, entries], [[], 20]);
  const [first] = (await copy.range('issued/')).entries;
  await copy.transact([], [{ kind: 'delete', key: first?.key ?? '' }]);
  t.regex((await copied.verify()).findings.join(), /is missing/);
  await copied.close();
});
