/** The issuance log is sealed: whatever is done to it but to write at its end is found. */
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { openIssuanceLedger } from '../../../control-plane/ca/issuance-ledger.ts';
import { recordIssuance, RETENTION_MS } from '../../../control-plane/ca/issuance-log.ts';
import { verifyChain } from '../../../control-plane/ca/verify-chain.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Operation, Store } from '../../../control-plane/store/store.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/temporary-directory.ts';

const WEB = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

async function issue(store: Store, count: number, nowMs: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, at) => ({
    serial: `${nowMs.toString(16)}${at.toString(16).padStart(4, '0')}`,
    spiffeId: WEB.uri,
    issuedMs: nowMs,
    notAfterMs: nowMs + 1000,
    proof: 'renewal' as const,
  }));
  await Promise.all(entries.map((entry) => store.transact([], recordIssuance(entry, WEB))));
}

async function world() {
  const directory = await temporaryDirectory();
  const { logger } = createLogRecorder();
  const path = join(directory.path, 'hauberk.db');
  const store = await openSqliteStore({ path, clock: systemClock, logger });
  const clock = createManualClock(1_000_000);
  const openLedger = (renewAfterExpiryMs = 0) =>
    openIssuanceLedger({ store, clock, logger, renewAfterExpiryMs });
  const close = async (): Promise<void> => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  };
  return { store, clock, openLedger, close };
}

test('what is written is sealed in its order, and stays so over a restart', async (t) => {
  const { store, openLedger, close } = await world();
  t.teardown(close);
  await issue(store, 3, 1_000_000);
  const ledger = await openLedger();
  await issue(store, 120, 1_000_001);
  const first = await ledger.verify();
  t.deepEqual(first.findings, []);
  t.is(first.entries, 123);
  await ledger.close();
  await issue(store, 2, 1_000_002);
  const unsealed = await verifyChain(store);
  t.is(unsealed.findings.length, 2, 'what is not sealed is not believed');

  const again = await openLedger();
  const second = await again.verify(first.head);
  t.deepEqual([second.findings, second.entries], [[], 125]);
  const wrong = await again.verify({ ...first.head, hash: '0'.repeat(64) });
  t.regex(wrong.findings[0] ?? '', /not the one that was noted/);
  await again.close();
});

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
    const { store, openLedger, close } = await world();
    t.teardown(close);
    const ledger = await openLedger();
    await issue(store, 60, 1_000_000);
    t.deepEqual((await ledger.verify()).findings, []);
    await ledger.close();
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
  const { store, clock, openLedger, close } = await world();
  t.teardown(close);
  const ledger = await openLedger();
  await issue(store, 70, 1_000_000);
  const early = await ledger.verify();
  await clock.advance(RETENTION_MS);
  await issue(store, 5, clock.epochMs());
  const before = await ledger.verify();
  await clock.advance(2000);
  await ledger.prune();
  const after = await ledger.verify(before.head);
  t.deepEqual(after.findings, []);
  t.is(after.entries, 5);
  t.is((await store.range('issued-to/')).entries.length, 5);
  const noted = await ledger.verify({ sequence: 0, hash: '0'.repeat(64) });
  t.regex(noted.findings[0] ?? '', /older than the log/);
  t.deepEqual((await ledger.verify(early.head)).findings, [], 'the base itself is remembered');
  await ledger.close();
});

test('what may still be renewed after its end is not forgotten', async (t) => {
  const { store, clock, openLedger, close } = await world();
  t.teardown(close);
  const ledger = await openLedger(3 * RETENTION_MS);
  await issue(store, 1, 1_000_000);
  await ledger.verify();
  await clock.advance(3 * RETENTION_MS + 1000);
  await ledger.prune();
  t.is((await ledger.verify()).entries, 1);
  await clock.advance(1);
  await ledger.prune();
  t.is((await ledger.verify()).entries, 0);
  await ledger.close();
});
