/** The store of two control planes is gone, and comes back: what goes on meanwhile, and what the issuance log says then. */
import { appendFile, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { peerSpiffeId } from '../../../../common/pki/peer.ts';
import { issuancesIn } from '../../../../control-plane/ca/issuance/entries.ts';
import { BRING_IN_INTERVAL_MS } from '../../../../control-plane/ca/without-store/issue-without-store.ts';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import { forwarded, type Store } from '../../../../control-plane/store/store.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';
import {
  openSharedStore,
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type SharedStore,
  type TestIdentity,
} from '../../control-plane-under-test.ts';

const JOURNAL = path.join('issued-without-store', 'journal.jsonl');

/** A store that can be gone, for those who use it through this. */
function losable(shared: SharedStore): { shared: SharedStore; gone: boolean } {
  const { store } = shared;
  const whenThere = <Name extends keyof Store>(name: Name): Store[Name] => {
    const method = forwarded(store)[name] as (...parameters: unknown[]) => Promise<unknown>;
    const guarded = async (...parameters: unknown[]): Promise<unknown> => {
      if (self.gone) throw new StoreError('unavailable', 'the store has no quorum');
      return method(...parameters);
    };
    return guarded as unknown as Store[Name];
  };
  const methods = [
    'get',
    'range',
    'transact',
    'grantLease',
    'keepLeaseAlive',
    'revokeLease',
  ] as const;
  const lost = Object.fromEntries(methods.map((name) => [name, whenThere(name)]));
  const wrapped = { ...forwarded(store), ...lost, snapshot: () => store.snapshot() };
  const self = { shared: { ...shared, store: wrapped }, gone: false };
  return self;
}

async function startMesh(t: ExecutionContext, { issueWithoutStore = true, dataDir = '' } = {}) {
  const plain = await openSharedStore(t);
  const losing = losable(plain);
  const given = { shared: losing.shared, issueWithoutStore };
  const one = await startControlPlaneUnderTest(t, { ...given, ...(dataDir && { dataDir }) });
  const two = await startControlPlaneUnderTest(t, given);
  const web = await one.enrol('shop', 'web');
  return { plain, losing, one, two, web };
}

const serialOf = ({ chain: [leaf] }: TestIdentity): string =>
  leaf?.serialNumber.toLowerCase() ?? '';

async function readiness({ controlPlane }: ControlPlaneUnderTest): Promise<string> {
  return (await fetch(`http://127.0.0.1:${controlPlane.httpPort}/readyz`)).text();
}

/** The entries of the log, once it has so many. */
async function logged(cp: ControlPlaneUnderTest, serials: readonly string[]) {
  return eventually('the log to have what was issued', async () => {
    await cp.clock.advance(BRING_IN_INTERVAL_MS);
    const entries = await cp.admin.listCertificates({
      limit: 100,
      namespace: undefined,
      service: undefined,
    });
    return serials.every((serial) => entries.some((entry) => entry.serial === serial))
      ? entries
      : undefined;
  });
}

test('without leave, renewals wait for the store, and readiness says so', async (t) => {
  const { losing, one, web } = await startMesh(t, { issueWithoutStore: false });
  losing.gone = true;
  const refused = await t.throwsAsync(one.renew(web), { instanceOf: RpcError });
  t.is(refused.code, 'unavailable');
  await eventually('readiness to say it', async () => {
    await one.clock.advance(1_000);
    return (
      (await readiness(one)).includes('nothing can be issued: the store has no quorum') || undefined
    );
  });
  losing.gone = false;
  await t.notThrowsAsync(one.renew(web));
  await t.throwsAsync(stat(path.join(one.dataDir, JOURNAL)), { code: 'ENOENT' });
});

test('renewals go on at each control plane, and the log has all of them once', async (t) => {
  const { plain, losing, one, two, web } = await startMesh(t);
  losing.gone = true;
  const first = await one.renew(web);
  const second = await two.renew(first);
  const third = await one.renew(first);
  t.is((await stat(path.join(one.dataDir, JOURNAL))).mode & 0o777, 0o600);
  await eventually('readiness to say it', async () => {
    await one.clock.advance(1_000);
    return (await readiness(one)).includes('renewed, without the store (2 are not') || undefined;
  });
  // No token can be spent, and no operator renewed: that would need the store.
  await t.throwsAsync(one.renew(one.operator));

  losing.gone = false;
  const serials = [first, second, third].map(serialOf);
  const entries = await logged(one, serials);
  t.is(new Set(entries.map(({ serial }) => serial)).size, entries.length, 'no serial stands twice');
  const of = (identity: TestIdentity) =>
    entries.find(({ serial }) => serial === serialOf(identity));
  const ancestors = await Promise.all(
    [first, second, third].map(async ({ chain: [leaf] }) => {
      if (leaf === undefined) throw new Error('expected a certificate');
      return (await issuancesIn(plain.store).issuanceOf(leaf, peerSpiffeId(leaf)))?.renewedFrom;
    }),
  );
  t.deepEqual(ancestors, [serialOf(web), serialOf(first), serialOf(first)]);
  t.true((of(web)?.tokenId ?? '') !== '');
  for (const each of [first, third]) t.is(of(each)?.tokenId, of(web)?.tokenId);
  t.deepEqual((await one.admin.verifyCertificates()).findings, []);
  await eventually('the journal to be empty', async () => {
    await one.clock.advance(BRING_IN_INTERVAL_MS);
    return (await readFile(path.join(one.dataDir, JOURNAL), 'utf8')) === '' || undefined;
  });
  const fourth = await two.renew(third);
  await logged(one, [serialOf(fourth)]);
});

test('what is revoked gets nothing; what was revoked meanwhile is taken out of use', async (t) => {
  const { plain, losing, one, web } = await startMesh(t);
  const api = await one.enrol('shop', 'api');
  await one.admin.revoke({ kind: 'serial', serial: serialOf(api) });
  await eventually('the revocation to be known', async () =>
    (await one.admin.listRevocations()).length > 0 ? true : undefined,
  );
  // A control plane that is not cut off, where an operator goes on.
  const other = await startControlPlaneUnderTest(t, { shared: plain });
  losing.gone = true;
  await t.throwsAsync(one.renew(api), { instanceOf: RpcError, message: /revoked/ });
  const cutOff = await one.renew(web);
  await other.admin.revoke({ kind: 'serial', serial: serialOf(web) });
  // It does not know yet what that one goes back to.
  const hidden = await other.renew(cutOff);
  const further = await other.renew(hidden);
  losing.gone = false;
  await logged(other, [serialOf(cutOff)]);
  for (const renewed of [cutOff, hidden, further]) {
    await eventually('the renewals to be revoked, too', async () => {
      await one.clock.advance(BRING_IN_INTERVAL_MS);
      const revoked = await other.admin.listRevocations();
      return revoked.find(({ serial }) => serial === serialOf(renewed));
    });
  }
  t.is((await other.admin.listRevocations()).length, 5, 'nothing else is');
});

test('a token is revoked with what was renewed before the log knew that it goes back to it', async (t) => {
  const { plain, losing, one, web } = await startMesh(t);
  const other = await startControlPlaneUnderTest(t, { shared: plain });
  losing.gone = true;
  const cutOff = await one.renew(web);
  const hidden = await other.renew(cutOff);
  losing.gone = false;
  const entries = await logged(other, [serialOf(cutOff)]);
  const [ofWeb, ofHidden] = [web, hidden].map((identity) =>
    entries.find(({ serial }) => serial === serialOf(identity)),
  );
  t.is(ofHidden?.tokenId, undefined);
  const { certificates } = await other.admin.revokeToken(ofWeb?.tokenId ?? '', {
    withCertificates: true,
  });
  t.is(certificates, 3);
  await t.throwsAsync(other.renew(hidden), { instanceOf: RpcError, message: /revoked/ });
});

test('a crash loses nothing of the journal, and half a line is of nobody', async (t) => {
  await using directory = await temporaryDirectory();
  const dataDir = path.join(directory.path, 'data');
  const { plain, losing, one, web } = await startMesh(t, { dataDir });
  losing.gone = true;
  const renewed = await one.renew(web);
  await one.controlPlane[Symbol.asyncDispose]();
  const journal = path.join(dataDir, JOURNAL);
  const kept = await readFile(journal, 'utf8');
  t.true(kept.includes(serialOf(renewed)));
  await appendFile(journal, kept.slice(0, 50));
  losing.gone = false;
  // Also where it is not allowed any more.
  const again = await startControlPlaneUnderTest(t, { shared: plain, dataDir });
  await logged(again, [serialOf(renewed)]);
  t.deepEqual((await again.admin.verifyCertificates()).findings, []);
  await eventually('the journal to be empty', async () => {
    await again.clock.advance(BRING_IN_INTERVAL_MS);
    return (await readFile(journal, 'utf8')) === '' || undefined;
  });
});
