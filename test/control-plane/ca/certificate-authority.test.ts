import { createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createGuard } from '../../../common/guard.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { ISSUER_LIFETIME_MS, MAX_LEAF_LIFETIME_MS } from '../../../common/pki/lifetimes.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { CaError } from '../../../control-plane/ca/ca-error.ts';
import {
  openCertificateAuthority,
  type CertificateAuthority,
  type Issued,
} from '../../../control-plane/ca/certificate-authority.ts';
import { openIssuanceLog } from '../../../control-plane/ca/issuance/log.ts';
import { RETENTION_MS } from '../../../control-plane/ca/issuance/entries.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { leadStore } from '../../helpers/mesh/leading-store.ts';
import { createLogRecorder, type LogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

interface Rig {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly log: LogRecorder;
  readonly open: (trustDomain?: string) => Promise<CertificateAuthority>;
}

async function rig(t: ExecutionContext): Promise<Rig> {
  const directory = await temporaryDirectory();
  const [clock, log] = [createManualClock(), createLogRecorder()];
  const { logger } = log;
  const store = await openSqliteStore({ path: join(directory.path, 'x.db'), clock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  return {
    store,
    clock,
    log,
    open: (trustDomain = 'mesh.local') =>
      openCertificateAuthority({ store, clock, logger, trustDomain }),
  };
}

const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
const publicKey = createPublicKey(generatePrivateKey());

async function issue(
  ca: CertificateAuthority,
  lifetimeMs = 3_600_000,
): Promise<Issued & { chain: readonly [X509Certificate, X509Certificate, ...X509Certificate[]] }> {
  const issued = await ca.issue({
    publicKey,
    spiffeId: web,
    lifetimeMs,
    proof: { kind: 'renewal', from: 'ab' },
  });
  if (issued === undefined) throw new Error('expected a certificate');
  return { ...issued, chain: [new X509Certificate(issued.leaf), ...issued.issuers] };
}

test('two that start at once have one root, and so has a later one', async (t) => {
  const { open } = await rig(t);
  const [one, two] = await Promise.all([open(), open()]);
  t.is(one.rootDigest, two.rootDigest);
  t.is((await open()).rootDigest, one.rootDigest);
  t.is(one.issuerNotAfterMs(), two.issuerNotAfterMs());
});

test('the trust domain is fixed at the first start', async (t) => {
  const { open } = await rig(t);
  await open('mesh.local');
  const error = await t.throwsAsync(open('other.mesh'), { instanceOf: CaError });
  t.is(error?.code, 'trust-domain-changed');
  t.regex(error?.message ?? '', /mesh\.local, not other\.mesh/);
  await t.notThrowsAsync(open('mesh.local'));
});

test('at half of its life the issuer gets a successor under the same root', async (t) => {
  const { open, clock, store } = await rig(t);
  const ca = await open();
  const { chain: before } = await issue(ca);
  await ca.maintain(clock.epochMs(), (await leadStore(store)).leading);
  t.is((await issue(ca)).chain[1].serialNumber, before[1].serialNumber, 'not earlier');
  await clock.advance(ISSUER_LIFETIME_MS / 2);
  await ca.maintain(clock.epochMs(), (await leadStore(store)).leading);
  const after = await issue(ca);
  t.not(after.chain[1].serialNumber, before[1].serialNumber);
  t.true(after.chain[1].verify(after.bundle.roots[0]?.publicKey ?? publicKey));
  t.is(after.bundle.version, 1);
  t.deepEqual(ca.health(), { ok: true, reasons: [] });
});

test('nobody has to notice the next issuer: what either signed leads to the same root', async (t) => {
  const { open, clock, store } = await rig(t);
  const [ca, other] = [await open(), await open()];
  const before = await issue(ca);
  await clock.advance(ISSUER_LIFETIME_MS / 2);
  const { leading } = await leadStore(store);
  await Promise.all([
    ca.maintain(clock.epochMs(), leading),
    other.maintain(clock.epochMs(), leading),
  ]);
  const [after, elsewhere] = [await issue(ca), await issue(other)];
  t.is(after.chain[1].serialNumber, elsewhere.chain[1].serialNumber, 'two make one between them');
  t.not(after.chain[1].serialNumber, before.chain[1].serialNumber);
  t.deepEqual(after.bundle, before.bundle, 'no sidecar is told anything');
  const [root] = after.bundle.roots;
  for (const { chain } of [before, after]) {
    t.is(chain.length, 2);
    t.true(chain[0].verify(chain[1].publicKey));
    t.true(root !== undefined && chain[1].verify(root.publicKey));
  }
});

test('who did not hear of the next issuer signs with it all the same', async (t) => {
  const { open, clock, store } = await rig(t);
  const [ca, stale] = [await open(), await open()];
  const before = await issue(stale);
  await clock.advance(ISSUER_LIFETIME_MS / 2);
  await ca.maintain(clock.epochMs(), (await leadStore(store)).leading);
  const [expected, got] = [await issue(ca), await issue(stale)];
  t.is(got.chain[1].serialNumber, expected.chain[1].serialNumber);
  t.not(got.chain[1].serialNumber, before.chain[1].serialNumber);
  t.is((await ca.issuances({})).length, 3, 'each is in the log once');
});

test('an issuer without a successor warns, never signs past its end, and then refuses', async (t) => {
  const { open, clock, store, log } = await rig(t);
  const ca = await open();
  const endMs = ca.issuerNotAfterMs();
  await clock.advance(ISSUER_LIFETIME_MS - MAX_LEAF_LIFETIME_MS / 2);
  t.true(ca.health().ok);
  t.regex(ca.health().reasons.join(), /the issuer expires at/);
  const { chain } = await issue(ca, MAX_LEAF_LIFETIME_MS);
  t.is(chain[0].validToDate.getTime(), endMs);

  const { leading } = await leadStore(store);
  await store.close();
  await ca.maintain(clock.epochMs(), leading);
  t.is(log.of('issuer-renewal-failed').length, 1);
  t.is(log.of('authority-near-end').length, 1);
  await clock.advance(MAX_LEAF_LIFETIME_MS);
  t.false(ca.health().ok);
  await t.throwsAsync(issue(ca), { code: 'authority-expired' });
});

test('nothing is issued when what goes along with it does not hold', async (t) => {
  const { open, store } = await rig(t);
  const ca = await open();
  const options = { publicKey, spiffeId: web, lifetimeMs: 60_000 } as const;
  const proof = { kind: 'token', tokenId: 'x' } as const;
  const operations = [{ kind: 'put', key: 'x', value: Buffer.from('x') }] as const;
  const alongside = { compares: [{ key: 'x', modRevision: 0 }], operations };
  t.is((await ca.issue({ ...options, proof, alongside }))?.issuance.tokenId, 'x');
  t.is(await ca.issue({ ...options, proof, alongside }), undefined);
  t.is((await ca.issuances({})).length, 1);
  t.truthy(await store.get('x'));
});

test('the log forgets what expired long ago, and nothing else', async (t) => {
  const { open, clock, store, log } = await rig(t);
  const ca = await open();
  const issuanceLog = await openIssuanceLog({
    store,
    leader: { isLeader: true, onChange: () => () => {} },
    clock,
    logger: log.logger,
    guard: createGuard({ clock, logger: log.logger }),
  });
  for (let count = 0; count < 120; count += 1) await issue(ca, 60_000);
  await clock.advance(60_000 + RETENTION_MS);
  await issue(ca, 60_000);
  await issuanceLog.prune(clock.epochMs(), (await leadStore(store)).leading);
  t.is((await ca.issuances({})).length, 121, 'not earlier');
  await clock.advance(1_001);
  await issuanceLog.prune(clock.epochMs(), (await leadStore(store)).leading);
  t.is((await ca.issuances({})).length, 1);
  t.is((await ca.issuances({ spiffeId: web })).length, 1);
  t.is((await store.range('issued/')).entries.length, 1);
  t.deepEqual((await issuanceLog.verify()).findings, []);
  await issuanceLog.close();
});
