import test from 'ava';
import { ChangeHistory, MAX_REMEMBERED } from '../../../control-plane/registry/change-history.ts';

const touch = (version: number, ...instanceIds: string[]) => ({
  version,
  endpoints: instanceIds.map((instanceId) => ({ instanceId, was: [] })),
  topics: [],
});

test('it tells what changed after a version, each thing once', (t) => {
  const history = new ChangeHistory(10);
  t.is(history.version, 10);
  history.add(touch(12, 'a'));
  history.add({ ...touch(15, 'b', 'a'), topics: ['bundle'] });
  t.is(history.version, 15);
  const topics = new Set(['bundle'] as const);
  const touched = (...ids: string[]) => new Map(ids.map((id) => [id, []]));
  t.deepEqual(history.since(10), { endpoints: touched('a', 'b'), topics });
  t.deepEqual(history.since(11), history.since(10));
  t.deepEqual(history.since(12), { endpoints: touched('b', 'a'), topics });
  t.deepEqual(history.since(15), { endpoints: new Map(), topics: new Set() });
});

test('it tells everything that an endpoint was since then, so that whoever knew it hears of it', (t) => {
  const history = new ChangeHistory(10);
  const moved = (version: number, ...was: string[]) => ({
    version,
    endpoints: [{ instanceId: 'a', was }],
    topics: [],
  });
  history.add(moved(11, 'address 10.0.0.1'));
  history.add(moved(12, 'address 10.0.0.2'));
  t.deepEqual(history.since(10)?.endpoints.get('a'), ['address 10.0.0.1', 'address 10.0.0.2']);
  t.deepEqual(history.since(11)?.endpoints.get('a'), ['address 10.0.0.2']);
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
  t.is(history.since(half)?.endpoints.size, half);
  t.is(history.version, MAX_REMEMBERED);
});
