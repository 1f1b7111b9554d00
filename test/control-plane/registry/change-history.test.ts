import test from 'ava';
import { ChangeHistory, MAX_REMEMBERED } from '../../../control-plane/registry/change-history.ts';

const touch = (version: number, ...instanceIds: string[]) => ({
  version,
  instanceIds,
  topics: [],
});

test('it tells what changed after a version, each thing once', (t) => {
  const history = new ChangeHistory(10);
  t.is(history.version, 10);
  history.add(touch(12, 'a'));
  history.add({ version: 15, instanceIds: ['b', 'a'], topics: ['bundle'] });
  t.is(history.version, 15);
  t.deepEqual(history.since(10), { instanceIds: new Set(['a', 'b']), topics: new Set(['bundle']) });
  t.deepEqual(history.since(11), history.since(10));
  t.deepEqual(history.since(12), { instanceIds: new Set(['b', 'a']), topics: new Set(['bundle']) });
  t.deepEqual(history.since(15), { instanceIds: new Set(), topics: new Set() });
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
