// Roots that an operator adds to the bundle: kept through a rotation, bounded, and nothing but roots.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createIssuer, createRoot } from '../../../../common/pki/authority.ts';
import { rootDigest } from '../../../../common/pki/join-token/root-digest.ts';
import { toPem } from '../../../../common/pki/pem.ts';
import { systemClock } from '../../../../common/clock.ts';
import { createAddedRoots } from '../../../../control-plane/ca/authorities/added-roots.ts';
import { makePair } from '../../../../control-plane/ca/authorities/authorities.ts';
import { openAuthoritySource } from '../../../../control-plane/ca/authorities/source.ts';
import { CaError } from '../../../../control-plane/ca/ca-error.ts';
import {
  advanceOperations,
  beginOperations,
} from '../../../../control-plane/ca/rotation/transitions.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const trustDomain = 'mesh.local';
const nowMs = Date.now();
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

async function rig(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  const { logger } = createLogRecorder();
  const path = join(directory.path, 'x.db');
  const store = await openSqliteStore({ path, clock: systemClock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  const authorities = await openAuthoritySource({ store, trustDomain, nowMs });
  const addedRoots = createAddedRoots({ authorities, clock: systemClock, logger });
  return { authorities, addedRoots };
}

const newRoot = (options: { trustDomain?: string; nowMs?: number; lifetimeMs?: number } = {}) =>
  createRoot({ trustDomain, nowMs, ...options });

test('an added root stays through a rotation, and is removed by its digest', async (t) => {
  const { authorities, addedRoots } = await rig(t);
  const { certificate } = newRoot();
  const pem = toPem([certificate]);
  const { version } = authorities.current().bundle;
  t.is((await addedRoots.add(pem)).version, version + 1);
  t.is((await addedRoots.add(pem + pem)).version, version + 1, 'it is there already');
  const added = () => (authorities.current().bundle.added ?? []).map(rootDigest);
  const pair = makePair(trustDomain, nowMs);
  await authorities.change((present) =>
    present.rotation === undefined ? beginOperations(present, { pair, trustDomain, nowMs }) : [],
  );
  t.deepEqual(added(), [rootDigest(certificate)]);
  t.is(authorities.current().bundle.roots.length, 2);
  let steps = 2;
  for (; steps > 0; steps -= 1) {
    const before = authorities.current();
    await authorities.change((present) =>
      present === before ? advanceOperations(present, nowMs) : [],
    );
  }
  t.deepEqual(added(), [rootDigest(certificate)]);
  t.deepEqual(authorities.current().bundle.roots.map(rootDigest), [
    rootDigest(pair.root.certificate),
  ]);
  await addedRoots.remove(rootDigest(certificate).slice(0, 8));
  t.is(authorities.current().bundle.added, undefined);
});

test("the mesh's own root is neither added nor removed, and others have to be named well", async (t) => {
  const { authorities, addedRoots } = await rig(t);
  const { bundle, root } = authorities.current();
  t.is((await addedRoots.add(toPem(bundle.roots))).version, bundle.version);
  const own = await t.throwsAsync(addedRoots.remove(rootDigest(root.certificate)), {
    instanceOf: CaError,
  });
  t.is(own?.code, 'root-in-use');
  const { certificate } = newRoot();
  await addedRoots.add(toPem([certificate]));
  for (const digest of ['', rootDigest(certificate).slice(0, 7), 'x'.repeat(50)]) {
    const error = await t.throwsAsync(addedRoots.remove(digest), { instanceOf: CaError });
    t.is(error?.code, 'root-unknown');
  }
  t.is(authorities.current().bundle.added?.length, 1);
});

const refused: Record<string, readonly [reason: RegExp, pem: () => string]> = {
  'that is no PEM': [/expected 1 to 32 whole PEM/, () => 'garbage'],
  'that is an issuer': [
    /which is not self-signed/,
    () => toPem([createIssuer(newRoot(), { trustDomain, nowMs }).certificate]),
  ],
  'that has expired': [
    /expired at/,
    () => toPem([newRoot({ nowMs: nowMs - 2 * YEAR_MS, lifetimeMs: YEAR_MS }).certificate]),
  ],
  'that is not valid yet': [
    /is not valid before/,
    () => toPem([newRoot({ nowMs: nowMs + YEAR_MS }).certificate]),
  ],
  'of another trust domain': [
    /is a root of spiffe:\/\/other\.mesh, which is not this mesh/,
    () => toPem([newRoot({ trustDomain: 'other.mesh' }).certificate]),
  ],
  'beyond the limit': [
    /expected at most 16 added roots, got 17/,
    () => toPem(Array.from({ length: 17 }, () => newRoot().certificate)),
  ],
};

for (const [what, [reason, pem]] of Object.entries(refused)) {
  test(`a root ${what} is not added`, async (t) => {
    const { authorities, addedRoots } = await rig(t);
    const error = await t.throwsAsync(addedRoots.add(pem()), {
      instanceOf: CaError,
      message: reason,
    });
    t.is(error?.code, 'root-unusable');
    t.is(authorities.current().bundle.added, undefined);
  });
}
