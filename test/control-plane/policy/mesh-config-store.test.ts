import test, { type ExecutionContext } from 'ava';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { CONFIG_HISTORY_PREFIX } from '../../../control-plane/policy/config-record.ts';
import { MeshConfigStoreError } from '../../../control-plane/policy/mesh-config-error.ts';
import {
  KEPT_VERSIONS,
  openMeshConfigStore,
} from '../../../control-plane/policy/mesh-config-store.ts';
import { createKeyedMutex } from '../../../control-plane/keyed-mutex.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createSqliteUnderTest } from '../store/sqlite/sqlite-under-test.ts';

async function rig(t: ExecutionContext) {
  const sqlite = await createSqliteUnderTest(t);
  const log = createLogRecorder();
  const open = async (store = sqlite.store) => {
    const options = { store, clock: sqlite.clock, mutex: createKeyedMutex(), logger: log.logger };
    const configs = await openMeshConfigStore(options);
    t.teardown(() => configs.close());
    return configs;
  };
  return { sqlite, log, open, configs: await open() };
}

const CLOSED = 'authorization: {allow: none}\n';
const OPEN = 'authorization: {allow: mesh}\n';

test('what is applied is in force, under the next version, and told', async (t) => {
  const { configs, sqlite } = await rig(t);
  t.like(configs.current(), { version: 0, config: { authorization: { fallback: 'mesh' } } });
  const told: number[] = [];
  configs.onChange(({ version }) => told.push(version));
  const { changed, revision } = await configs.apply({ document: CLOSED, origin: 'apply' });
  t.true(changed);
  t.like(configs.current(), {
    version: 1,
    document: CLOSED,
    origin: 'apply',
    appliedMs: sqlite.clock.epochMs(),
    config: { authorization: { fallback: 'none' } },
  });
  t.deepEqual(told, [1]);
  t.is((await sqlite.store.get('mesh/config'))?.modRevision, revision);

  const again = await configs.apply({ document: CLOSED, origin: 'apply' });
  t.like(again, { changed: false, revision });
  t.deepEqual(told, [1], 'the same document again is no change');
});

test('a document that is wrong changes nothing', async (t) => {
  const { configs } = await rig(t);
  await configs.apply({ document: CLOSED, origin: 'apply' });
  const wrong = { document: 'authorization: {allow: all}', origin: 'apply' };
  await t.throwsAsync(configs.apply(wrong), { instanceOf: MeshConfigError });
  t.throws(() => configs.check(wrong), { instanceOf: MeshConfigError });
  t.is(configs.current().version, 1);
});

test('who looked at another version than the present one changes nothing', async (t) => {
  const { configs } = await rig(t);
  await configs.apply({ document: CLOSED, origin: 'apply', baseVersion: 0 });
  const late = { document: OPEN, origin: 'apply', baseVersion: 0 };
  await t.throwsAsync(configs.apply(late), {
    instanceOf: MeshConfigStoreError,
    message: /version 1 is in force, not 0/,
  });
  t.throws(() => configs.check(late), { instanceOf: MeshConfigStoreError });
  t.is(configs.current().document, CLOSED);
});

test('of two that change it at once on one store, one is told to look again', async (t) => {
  const { configs, open } = await rig(t);
  const others = await open();
  const outcomes = await Promise.allSettled([
    configs.apply({ document: CLOSED, origin: 'apply', baseVersion: 0 }),
    others.apply({ document: OPEN, origin: 'apply', baseVersion: 0 }),
  ]);
  t.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  t.is(configs.current().document, others.current().document);
  t.is(configs.current().version, 1);
});

test('rollback takes an earlier version into force as a new one, and back again', async (t) => {
  const { configs } = await rig(t);
  await configs.apply({ document: CLOSED, origin: 'apply' });
  await configs.apply({ document: OPEN, origin: 'apply' });
  await configs.rollback(undefined);
  t.like(configs.current(), { version: 3, document: CLOSED, origin: 'rollback to 1' });
  await configs.rollback(undefined);
  t.like(configs.current(), { version: 4, document: OPEN, origin: 'rollback to 2' });
  await configs.rollback(0);
  t.like(configs.current(), { version: 5, document: '', origin: 'rollback to 0' });
  t.deepEqual(
    (await configs.history()).map(({ version, origin }) => `${version} ${origin}`),
    ['5 rollback to 0', '4 rollback to 2', '3 rollback to 1', '2 apply', '1 apply', '0 none'],
  );
  await t.throwsAsync(configs.rollback(9), {
    instanceOf: MeshConfigStoreError,
    code: 'config-version-unknown',
  });
});

test('before anything was applied there is nothing to go back to', async (t) => {
  const { configs } = await rig(t);
  await t.throwsAsync(configs.rollback(undefined), { code: 'config-version-unknown' });
});

test('it survives a restart, and a document that cannot be read does not open the mesh', async (t) => {
  const { configs, sqlite, open } = await rig(t);
  await configs.apply({ document: CLOSED, origin: 'apply' });
  const store = await sqlite.reopen();
  const reopened = await open(store);
  t.like(reopened.current(), { version: 1, config: { authorization: { fallback: 'none' } } });
  const value = Buffer.from(
    JSON.stringify({ version: 2, document: 'from: the-future', appliedMs: 1, origin: 'apply' }),
  );
  await store.transact([], [{ kind: 'put', key: 'mesh/config', value }]);
  t.is(reopened.current().version, 1, 'the last good one stays');
  await t.throwsAsync(open(store), { instanceOf: MeshConfigError });
});

test('old versions are forgotten', async (t) => {
  const { configs, sqlite } = await rig(t);
  for (let count = 0; count < KEPT_VERSIONS + 5; count += 1) {
    await configs.apply({ document: `# ${count}\n`, origin: 'apply' });
  }
  const { entries } = await sqlite.store.range(CONFIG_HISTORY_PREFIX);
  t.is(entries.length, KEPT_VERSIONS);
  t.is((await configs.history())[0]?.version, KEPT_VERSIONS + 5);
});

test('control planes that apply the same file at once make one version of it', async (t) => {
  const { open, configs } = await rig(t);
  const all = [configs, await open(), await open()];
  const outcomes = await Promise.all(
    all.map((each) => each.apply({ document: CLOSED, origin: 'file' })),
  );
  t.is(outcomes.filter(({ changed }) => changed).length, 1);
  t.deepEqual(
    all.map((each) => each.current().version),
    [1, 1, 1],
  );
  // Made from a version that another one has replaced: refused, also where that is not known yet.
  const [one, two] = [configs, await open()];
  const base = { baseVersion: 1, origin: 'apply' };
  const both = await Promise.allSettled([
    one.apply({ ...base, document: OPEN }),
    two.apply({ ...base, document: '{}' }),
  ]);
  t.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
});
