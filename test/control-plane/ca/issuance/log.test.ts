/** The issuance log is sealed: whatever is done to it but to write at its end is found. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { plusMs, systemClock, type EpochMs } from '../../../../common/clock.ts';
import { createGuard } from '../../../../common/guard.ts';
import { spiffeId } from '../../../../common/pki/spiffe-id.ts';
import { openIssuanceLog } from '../../../../control-plane/ca/issuance/log.ts';
import { recordIssuance, RETENTION_MS } from '../../../../control-plane/ca/issuance/entries.ts';
import { verifyChain } from '../../../../control-plane/ca/issuance/chain.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Operation, Store } from '../../../../control-plane/store/store.ts';
import { leadStore } from '../../../helpers/mesh/leading-store.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const WEB = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

async function issue(store: Store, count: number, now: number): Promise<void> {
  const nowMs = now as EpochMs;
  const entries = Array.from({ length: count }, (_, at) => ({
    serial: `${nowMs.toString(16)}${at.toString(16).padStart(4, '0')}`,
    spiffeId: WEB.uri,
    issuedMs: nowMs,
    notAfterMs: plusMs(nowMs, 1000),
    proof: 'renewal' as const,
  }));
  await Promise.all(entries.map((entry) => store.transact([], recordIssuance(entry, WEB))));
}

async function world() {
  const directory = await temporaryDirectory();
  const log = createLogRecorder();
  const { logger } = log;
  const path = join(directory.path, 'hauberk.db');
  const store = await openSqliteStore({ path, clock: systemClock, logger });
  const clock = createManualClock(1_000_000);
  const openLog = (renewAfterExpiryMs = 0, isLeader = true, through: Store = store) =>
    openIssuanceLog({
      store: through,
      leader: { isLeader, onChange: () => () => {} },
      clock,
      logger,
      guard: createGuard({ clock, logger }),
      renewAfterExpiryMs,
    });
  const close = async (): Promise<void> => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  };
  return { store, clock, log, openLog, close };
}

test('what is written is sealed in its order, and stays so over a restart', async (t) => {
  const { store, openLog, close } = await world();
  t.teardown(close);
  await issue(store, 3, 1_000_000);
  const issuanceLog = await openLog();
  await issue(store, 120, 1_000_001);
  const first = await issuanceLog.verify();
  t.deepEqual(first.findings, []);
  t.is(first.entries, 123);
  await issuanceLog.close();
  await issue(store, 2, 1_000_002);
  const unsealed = await verifyChain(store);
  t.is(unsealed.findings.length, 2, 'what is not sealed is not believed');

  const again = await openLog();
  const second = await again.verify(first.head);
  t.deepEqual([second.findings, second.entries], [[], 125]);
  const wrong = await again.verify({ ...first.head, hash: '0'.repeat(64) });
  t.regex(wrong.findings[0] ?? '', /not the one that was noted/);
  await again.close();
});

/** The store, with transactions of one's own. */
function interposed(store: Store, transact: Store['transact']): Store {
  return {
    transact,
    get: (key) => store.get(key),
    range: (...range) => store.range(...range),
    watch: (...watch) => store.watch(...watch),
    grantLease: (...lease) => store.grantLease(...lease),
    keepLeaseAlive: (...lease) => store.keepLeaseAlive(...lease),
    revokeLease: (...lease) => store.revokeLease(...lease),
    close: () => store.close(),
  };
}

const TAMPERING: Record<string, (keys: readonly string[], value: Buffer) => Operation[]> = {
  'an entry was changed': ([key = ''], value) => [
    { kind: 'put', key, value: Buffer.from(value.toString().replace('renewal', 'token')) },
  ],
  'an entry was taken out': ([key = '']) => [{ kind: 'delete', key }],
  'an entry was added': ([key = ''], value) => [{ kind: 'put', key: `${key}0`, value }],
  'two entries changed places': ([one = '', other = ''], value) => [
    { kind: 'put', key: one, value: Buffer.from('{}') },
    { kind: 'put', key: other, value },
  ],
  'the log was cut': () => [{ kind: 'delete-prefix', prefix: 'issued/' }],
  'the chain was cut': () => [{ kind: 'delete', key: 'issued-chain/000000000001' }],
  'the index was cut': () => [{ kind: 'delete-prefix', prefix: 'issued-to/shop/' }],
};

for (const [what, tamper] of Object.entries(TAMPERING)) {
  test(`it is found that ${what}`, async (t) => {
    const { store, openLog, close } = await world();
    t.teardown(close);
    const issuanceLog = await openLog();
    await issue(store, 60, 1_000_000);
    t.deepEqual((await issuanceLog.verify()).findings, []);
    await issuanceLog.close();
    const { entries } = await store.range('issued/');
    const value = entries[0]?.value ?? Buffer.alloc(0);
    await store.transact(
      [],
      tamper(
        entries.map(({ key }) => key),
        value,
      ),
    );
    const { findings } = await verifyChain(store);
    t.true(findings.length > 0, what);
  });
}

test('old entries are forgotten from the beginning, and the rest stays sealed', async (t) => {
  const { store, clock, openLog, close } = await world();
  t.teardown(close);
  const issuanceLog = await openLog();
  await issue(store, 70, 1_000_000);
  const early = await issuanceLog.verify();
  await clock.advance(RETENTION_MS);
  await issue(store, 5, clock.epochMs());
  const before = await issuanceLog.verify();
  await clock.advance(2000);
  await issuanceLog.prune(clock.epochMs(), (await leadStore(store)).leading);
  const after = await issuanceLog.verify(before.head);
  t.deepEqual(after.findings, []);
  t.is(after.entries, 5);
  t.is((await store.range('issued-to/')).entries.length, 5);
  const noted = await issuanceLog.verify({ sequence: 0, hash: '0'.repeat(64) });
  t.regex(noted.findings[0] ?? '', /older than the log/);
  t.deepEqual((await issuanceLog.verify(early.head)).findings, [], 'the base itself is remembered');
  await issuanceLog.close();
});

test('what may still be renewed after its end is not forgotten', async (t) => {
  const { store, clock, openLog, close } = await world();
  t.teardown(close);
  const issuanceLog = await openLog(3 * RETENTION_MS);
  await issue(store, 1, 1_000_000);
  await issuanceLog.verify();
  await clock.advance(3 * RETENTION_MS + 1000);
  await issuanceLog.prune(clock.epochMs(), (await leadStore(store)).leading);
  t.is((await issuanceLog.verify()).entries, 1);
  await clock.advance(1);
  await issuanceLog.prune(clock.epochMs(), (await leadStore(store)).leading);
  t.is((await issuanceLog.verify()).entries, 0);
  await issuanceLog.close();
});

/** The newest link with all that it seals, as somebody does it who knows how the log is made. */
async function cutEnd(store: Store): Promise<void> {
  const [last] = (await store.range('issued-chain/', { limit: 1, order: 'descending' })).entries;
  if (last === undefined) throw new Error('expected a link');
  const { entries } = JSON.parse(last.value.toString()) as { entries: string[] };
  const orders = entries.map((key) => key.slice('issued/'.length));
  const operations = orders.flatMap((order): Operation[] => [
    { kind: 'delete', key: `issued/${order}` },
    { kind: 'delete', key: `issued-to/shop/web/${order}` },
  ]);
  await store.transact([], [...operations, { kind: 'delete', key: last.key }]);
}

async function cut(t: ExecutionContext) {
  const rig = await world();
  t.teardown(rig.close);
  const issuanceLog = await rig.openLog();
  for (const at of [1, 2, 3]) {
    await issue(rig.store, 5, 1_000_000 + at);
    await issuanceLog.verify();
  }
  const { head } = await issuanceLog.verify();
  return { ...rig, issuanceLog, head };
}

test('it is found that the newest entries and their link were taken out, by the one that runs', async (t) => {
  const { store, issuanceLog } = await cut(t);
  await cutEnd(store);
  t.deepEqual((await verifyChain(store)).findings, [], 'the chain alone does not tell');
  const { findings } = await issuanceLog.verify();
  t.regex(findings.join(), /the newest links are missing: \d+ to \d+/);
  await issuanceLog.close();
});

test('it is found by the next one, and still after more was issued', async (t) => {
  const { store, issuanceLog, openLog, log } = await cut(t);
  await issuanceLog.close();
  await cutEnd(store);
  const next = await openLog();
  t.is(log.of('issuance-log-damaged').length, 1);
  await issue(store, 5, 1_000_009);
  t.regex((await next.verify()).findings.join(), /at the start of .*the newest links are missing/);
  await next.close();
  const third = await openLog();
  t.is(log.of('issuance-log-damaged').length, 1, 'said once');
  t.is((await third.verify()).findings.length, 1, 'and kept');
  await third.close();
});

test('a record of the end that was made without the key is found, and so is none', async (t) => {
  for (const what of ['forged', 'missing', 'begins-late'] as const) {
    const { store, issuanceLog } = await cut(t);
    const entry = await store.get('issued-chain-head');
    const record = JSON.parse(entry?.value.toString() ?? '') as Record<string, unknown>;
    await cutEnd(store);
    const { head } = await verifyChain(store);
    const changed = what === 'forged' ? { ...record, head } : { ...record, base: head };
    await store.transact(
      [],
      [
        what === 'missing'
          ? { kind: 'delete', key: 'issued-chain-head' }
          : {
              kind: 'put',
              key: 'issued-chain-head',
              value: Buffer.from(JSON.stringify(changed)),
            },
      ],
    );
    const { findings } = await issuanceLog.verify();
    t.regex(findings.join(), what === 'missing' ? /is missing/ : /was not written by this log/);
    await issuanceLog.close();
  }
});

test('entries that were made to look forgotten are found', async (t) => {
  const { store, issuanceLog, openLog } = await cut(t);
  await issuanceLog.close();
  const { head } = await verifyChain(store);
  await store.transact(
    [],
    [
      { kind: 'delete-prefix', prefix: 'issued/' },
      { kind: 'delete-prefix', prefix: 'issued-to/' },
      { kind: 'delete-prefix', prefix: 'issued-chain/' },
      { kind: 'put', key: 'issued-chain-base', value: Buffer.from(JSON.stringify(head)) },
    ],
  );
  t.deepEqual((await verifyChain(store)).findings, []);
  const next = await openLog();
  t.regex((await next.verify()).findings.join(), /the log begins after link \d+, and not after 0/);
  await next.close();
});

test('not found without a noted end: the whole store as it was before', async (t) => {
  const { store, issuanceLog, openLog, head } = await cut(t);
  const before = await store.get('issued-chain-head');
  if (before === undefined) return t.fail('expected a record');
  await issue(store, 5, 1_000_007);
  const { head: later } = await issuanceLog.verify();
  await issuanceLog.close();
  await cutEnd(store);
  await store.transact([], [{ kind: 'put', key: 'issued-chain-head', value: before.value }]);
  const next = await openLog();
  t.deepEqual((await next.verify(head)).findings, [], 'an older end is still there');
  t.regex((await next.verify(later)).findings.join(), /not the one that was noted/);
  await next.close();
});

test('a log of an old version gets its key, and says so', async (t) => {
  const { store, issuanceLog, openLog, log } = await cut(t);
  await issuanceLog.close();
  const key = await store.get('ca/log-key');
  t.is(key?.value.length, 44);
  await store.transact(
    [],
    [
      { kind: 'delete', key: 'ca/log-key' },
      { kind: 'delete', key: 'issued-chain-head' },
    ],
  );
  const next = await openLog();
  t.deepEqual((await next.verify()).findings, []);
  t.is(log.of('issuance-log-key-made').length, 1);
  await next.close();
});

test('a control plane that starts at each moment of the first start of another finds no damage', async (t) => {
  for (let moment = 0; ; moment += 1) {
    const { store, openLog, log, close } = await world();
    const others: Awaited<ReturnType<typeof openLog>>[] = [];
    let transactions = 0;
    const transact: Store['transact'] = async (...transaction) => {
      const result = await store.transact(...transaction);
      if (transactions === moment) others.push(await openLog());
      transactions += 1;
      return result;
    };
    const first = await openLog(0, true, interposed(store, transact));
    await issue(store, 3, 1_000_000);
    for (const each of [first, ...others]) t.deepEqual((await each.verify()).findings, []);
    t.deepEqual(log.of('issuance-log-damaged'), []);
    for (const each of [first, ...others]) await each.close();
    await close();
    if (others.length === 0) return t.true(moment > 0, 'the first start writes to the store');
  }
});

test('many control planes write and seal one log: one order, no hole, no serial twice', async (t) => {
  const { store, clock, openLog, close } = await world();
  t.teardown(close);
  const logs = await Promise.all([openLog(), openLog(), openLog()]);
  // All of them seal at once, while entries are written and verified.
  await Promise.all(
    logs.flatMap((each, at) => [
      issue(store, 130, 1_000_000 + at),
      each.verify().then(({ findings }) => t.deepEqual(findings, [])),
    ]),
  );
  const { head, entries, findings } = await logs[0].verify();
  t.deepEqual([findings, entries], [[], 390]);
  const sealed = (await store.range('issued-chain/')).entries.flatMap(
    ({ value }) => (JSON.parse(value.toString()) as { entries: string[] }).entries,
  );
  t.is(new Set(sealed).size, 390);
  const written = (await store.range('issued/')).entries;
  const byRevision = written.toSorted((a, b) => a.createRevision - b.createRevision);
  t.deepEqual(
    sealed,
    byRevision.map(({ key }) => key),
  );

  // One forgets the beginning while another goes on at the end: both ends stay as they are written down.
  await clock.advance(RETENTION_MS + 2_000);
  const { leading } = await leadStore(store);
  await Promise.all([
    logs[1].prune(clock.epochMs(), leading),
    issue(store, 60, clock.epochMs()).then(() => logs[2].verify()),
    logs[0].verify(),
  ]);
  const after = await logs[2].verify(head);
  t.deepEqual([after.findings, after.entries], [[], 60]);
  for (const each of logs) await each.close();
  const again = await openLog();
  t.deepEqual((await again.verify()).findings, []);
  await again.close();
});

test('a control plane that does not lead leaves sealing to the leader, and knows what was sealed', async (t) => {
  const { store, openLog, close } = await world();
  t.teardown(close);
  const [leader, follower] = [await openLog(), await openLog(0, false)];
  await issue(store, 70, 1_000_000);
  const { head } = await leader.verify();
  t.is((await follower.verify()).head.hash, head.hash);
  await cutEnd(store);
  t.regex((await follower.verify()).findings.join(), /this control plane knows link/);
  await leader.close();
  await follower.close();
});
