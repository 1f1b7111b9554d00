import test from 'ava';
import { ChangeHistory, MAX_REMEMBERED } from '../../../control-plane/registry/change-history.ts';

const touch = (version: number, ...instanceIds: string[]) => ({
  version,
  instanceIds,
  bundle: false,
  policy: false,
});

test('it tells what changed after a version, each thing once', (t) => {
  const history = new ChangeHistory(10);
  t.is(history.version, 10);
  history.add(touch(12, 'a'));
  history.add({ version: 15, instanceIds: ['b', 'a'], bundle: true, policy: false });
  t.is(history.version, 15);
  t.deepEqual(history.since(10), { instanceIds: new Set(['a', 'b']), bundle: true, policy: false });
  t.deepEqual(history.since(11), history.since(10));
  t.deepEqual(history.since(12), { instanceIds: new Set(['b', 'a']), bundle: true, policy: false });
  t.deepEqual(history.since(15), { instanceIds: new Set(), bundle: false, policy: false });
});

test('a version of before, or of the future, is not known', (t) => {
  const history = new ChangeHistory(10);
  history.add(touch(12, 'a'));
  t.is(history.since(9), undefined);
  t.is(history.since(0), undefined);
  t.is(history.since(13), undefined);
});

test('it forgets the oldest, and never tells a part', (t) => {
  const history = new ChangeHistory(0);
  for (let version = 1; version <= MAX_REMEMBERED; version += 1) {
    history.add(touch(version, `sidecar-${version}`));
  }
  t.is(history.since(0), undefined);
  const half = MAX_REMEMBERED / 2;
  t.is(history.since(half - 1), undefined);
  t.is(history.since(half)?.instanceIds.size, half);
  t.is(history.version, MAX_REMEMBERED);
});
