// A renewal looks up the entry of the certificate before: one key, however many the identity has got in the same second.
import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { issueLeaf } from '../../../../common/pki/leaf.ts';
import { serialOf } from '../../../../common/pki/revocation.ts';
import { spiffeId } from '../../../../common/pki/spiffe-id.ts';
import type { EpochMs } from '../../../../common/clock.ts';
import { issuancesIn, recordIssuance } from '../../../../control-plane/ca/issuance/entries.ts';
import type { Issuance } from '../../../../control-plane/ca/issuance/record.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

const NOW_MS = Date.UTC(2030, 5, 1, 12);
const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
const authority = createTestAuthority({ nowMs: NOW_MS });

async function openStore(t: ExecutionContext): Promise<Store> {
  const directory = await temporaryDirectory();
  const clock = createManualClock();
  const { logger } = createLogRecorder();
  const store = await openSqliteStore({ path: join(directory.path, 'x.db'), clock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  return store;
}

function leafAt(nowMs: number): X509Certificate {
  const { publicKey } = authority.workload('shop', 'web').leaf;
  return issueLeaf(authority.issuer, { publicKey, spiffeId: web, nowMs, lifetimeMs: 3_600_000 });
}

function entryOf(leaf: X509Certificate, issuedMs: number): Issuance {
  return {
    serial: serialOf(leaf),
    spiffeId: web.uri,
    issuedMs: issuedMs as EpochMs,
    notAfterMs: leaf.validToDate.getTime() as EpochMs,
    proof: 'self',
  };
}

/** How many entries are read. */
function counting(store: Store): Store & { entries: number } {
  const counted = Object.assign(Object.create(store) as Store & { entries: number }, {
    entries: 0,
    get: async (key: string) => {
      counted.entries += 1;
      return await store.get(key);
    },
    range: async (...asked: Parameters<Store['range']>) => {
      const found = await store.range(...asked);
      counted.entries += found.entries.length;
      return found;
    },
  });
  return counted;
}

test('the entry of a certificate is found without those of the same second', async (t) => {
  const store = await openStore(t);
  const issuedMs = Array.from({ length: 20 }, (_, at) => NOW_MS + at * 37);
  const leaves = issuedMs.map(leafAt);
  for (const [at, leaf] of leaves.entries()) {
    await store.transact([], recordIssuance(entryOf(leaf, issuedMs[at] ?? 0), web));
  }
  const counted = counting(store);
  for (const leaf of leaves) {
    t.is((await issuancesIn(counted).issuanceOf(leaf, web))?.serial, serialOf(leaf));
  }
  t.is(counted.entries, leaves.length);
  t.is(await issuancesIn(store).issuanceOf(leafAt(NOW_MS), web), undefined, 'not in the log');
});

test('the entry of a certificate of an older version is found by its second', async (t) => {
  const store = await openStore(t);
  const leaf = leafAt(NOW_MS + 250);
  // What its serial number ends with is another millisecond.
  await store.transact([], recordIssuance(entryOf(leaf, NOW_MS + 999), web));
  t.is((await issuancesIn(store).issuanceOf(leaf, web))?.serial, serialOf(leaf));
  const other = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web2' });
  t.is(await issuancesIn(store).issuanceOf(leaf, other), undefined, 'of another identity');
});
