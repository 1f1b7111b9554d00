// What a bundle says about a root that was dropped: only one whose key was stolen is withdrawn.
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { makePair } from '../../../../control-plane/ca/authorities/authorities.ts';
import { openAuthoritySource } from '../../../../control-plane/ca/authorities/source.ts';
import {
  advanceOperations,
  beginOperations,
  deadlineOperations,
} from '../../../../control-plane/ca/rotation/transitions.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const trustDomain = 'mesh.local';

async function rig(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  const [clock, { logger }] = [createManualClock(), createLogRecorder()];
  const store = await openSqliteStore({ path: join(directory.path, 'x.db'), clock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  const nowMs = clock.epochMs();
  const source = await openAuthoritySource({ store, trustDomain, nowMs });
  /** From one root to the next one; returns the one that went. */
  const rotate = async (how: 'routine' | 'stolen' | 'stolen-meanwhile') => {
    const before = source.current().root.certificate;
    const pair = makePair(trustDomain, nowMs);
    const deadlineMs = how === 'stolen' ? nowMs : undefined;
    await source.change((now) => beginOperations(now, { pair, trustDomain, nowMs, deadlineMs }));
    await source.change((now) => advanceOperations(now, nowMs));
    if (how === 'stolen-meanwhile') {
      await source.change((now) => deadlineOperations(now, { nowMs, deadlineMs: nowMs }));
    }
    t.deepEqual(source.current().bundle.roots.length, 2);
    await source.change((now) => advanceOperations(now, nowMs));
    t.is(source.current().bundle.roots.length, 1);
    return String(before);
  };
  const withdrawn = () => source.current().bundle.withdrawn?.map(String);
  return { rotate, withdrawn };
}

test('a routine rotation withdraws nothing', async (t) => {
  const { rotate, withdrawn } = await rig(t);
  await rotate('routine');
  t.is(withdrawn(), undefined);
});

for (const how of ['stolen', 'stolen-meanwhile'] as const) {
  test(`a root that was ${how} is withdrawn, and stays so`, async (t) => {
    const { rotate, withdrawn } = await rig(t);
    const first = await rotate(how);
    t.deepEqual(withdrawn(), [first]);
    await rotate('routine');
    t.deepEqual(withdrawn(), [first]);
    const third = await rotate('stolen');
    t.deepEqual(withdrawn(), [third, first]);
  });
}

test('the last four are remembered', async (t) => {
  const { rotate, withdrawn } = await rig(t);
  const gone: string[] = [];
  for (let thefts = 0; thefts < 5; thefts += 1) gone.unshift(await rotate('stolen'));
  t.deepEqual(withdrawn(), gone.slice(0, 4));
});
