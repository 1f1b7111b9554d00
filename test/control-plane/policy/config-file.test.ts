import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConfigError } from '../../../common/config/config-error.ts';
import { READ_INTERVAL_MS } from '../../../common/files/followed-file.ts';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { followConfigFile } from '../../../control-plane/policy/config-file.ts';
import { openMeshConfigStore } from '../../../control-plane/policy/mesh-config-store.ts';
import { createKeyedMutex } from '../../../control-plane/keyed-mutex.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { spoiledFiles } from '../../helpers/spoiled-files.ts';
import { createSqliteUnderTest, temporaryDirectory } from '../store/sqlite/sqlite-under-test.ts';

async function rig(t: ExecutionContext) {
  const { store, clock } = await createSqliteUnderTest(t);
  const { logger, of } = createLogRecorder();
  const path = join(await temporaryDirectory(t), 'mesh.yaml');
  const configs = await openMeshConfigStore({ store, clock, logger, mutex: createKeyedMutex() });
  t.teardown(() => configs.close());
  return {
    path,
    of,
    configs,
    follow: async (leader = { isLeader: true }) => {
      const file = await followConfigFile(path, { configs, leader, clock, logger });
      t.teardown(() => file.close());
      return file;
    },
    /** Lets the file be read until something is so. */
    until: (what: string, is: () => boolean) =>
      within(
        what,
        (async () => {
          while (!is()) await clock.advance(READ_INTERVAL_MS);
        })(),
      ),
  };
}

const CLOSED = 'authorization: {allow: none}\n';

test('what the file says is in force, and follows it', async (t) => {
  const { path, configs, follow, until } = await rig(t);
  await writeFile(path, CLOSED);
  t.true((await follow()).valid);
  t.like(configs.current(), { version: 1, document: CLOSED, origin: `file ${path}` });
  await writeFile(`${path}.new`, 'authorization: {allow: mesh}\n');
  await rename(`${path}.new`, path);
  await until('the new file is in force', () => configs.current().version === 2);
  t.is(configs.current().config.authorization.fallback, 'mesh');
});

test('a reload reads it without waiting, and the file is followed as before', async (t) => {
  const { path, configs, follow, until } = await rig(t);
  await writeFile(path, CLOSED);
  const file = await follow();
  await writeFile(path, 'authorization: {allow: mesh}\n');
  await Promise.all([file.reload(), file.reload()]);
  t.is(configs.current().version, 2, 'no time has passed');
  await writeFile(path, CLOSED);
  await until('the next change is in force', () => configs.current().version === 3);
  await file.close();
  await writeFile(path, 'authorization: {allow: mesh}\n');
  await file.reload();
  t.is(configs.current().version, 3, 'nothing is followed any more');
});

test('a bad file keeps the last good one, says so once, and is taken when it is good', async (t) => {
  const { path, configs, follow, until, of } = await rig(t);
  await writeFile(path, CLOSED);
  const file = await follow();
  await writeFile(path, 'authorization: {allow: all}\n');
  await until('the mistake is noticed', () => !file.valid);
  t.like(configs.current(), { version: 1, document: CLOSED });
  t.regex(
    of('mesh-config-invalid')[0]?.msg ?? '',
    /mesh\.yaml:1:17: .*expected mesh or none; version 1 .* stays in force$/,
  );
  await rm(path);
  await until('it is gone', () => of('mesh-config-invalid').length === 2);
  t.regex(
    of('mesh-config-invalid')[1]?.msg ?? '',
    /--mesh-config does not exist: .*; version 1 .* stays in force$/,
  );
  t.is(configs.current().version, 1);
  await writeFile(path, CLOSED);
  await until('it is good again', () => file.valid);
  t.is(configs.current().version, 1, 'the same text is no new version');
  t.is(of('mesh-config-invalid').length, 2, 'each mistake was told once');
});

test('a bad file at the start ends it, unless there is a good configuration to stay with', async (t) => {
  const { path, configs, follow, of } = await rig(t);
  await t.throwsAsync(follow(), { instanceOf: ConfigError, code: 'file-missing' });
  await writeFile(path, 'authorization: {allow: all}\n');
  await t.throwsAsync(follow(), { instanceOf: MeshConfigError });
  await configs.apply({ document: CLOSED, origin: 'apply' });
  t.false((await follow()).valid);
  t.is(of('mesh-config-invalid').length, 1);
  t.is(configs.current().document, CLOSED);
});

for (const [kind, spoil, expected] of spoiledFiles) {
  test(`${kind}: the configuration stays, it is told once, and a good file is taken up`, async (t) => {
    const { path, configs, follow, until, of } = await rig(t);
    await writeFile(path, CLOSED);
    const file = await follow();
    await spoil(path);
    await until('it is noticed', () => !file.valid);
    t.regex(of('mesh-config-invalid')[0]?.msg ?? '', expected);
    t.is(configs.current().version, 1);
    await rm(path, { recursive: true, force: true });
    await writeFile(path, 'authorization: {allow: mesh}\n');
    await until('the good one is in force', () => configs.current().version === 2);
    t.true(file.valid);
    t.is(of('mesh-config-invalid').length, 1);
  });
}

test('a file that was not there when the mesh changed brings nothing back: only the leader begins with its own', async (t) => {
  const { path, configs, follow, until, of } = await rig(t);
  await configs.apply({ document: CLOSED, origin: 'file elsewhere' });
  await writeFile(path, 'authorization: {allow: mesh}\n');
  const follower = await follow({ isLeader: false });
  t.is(configs.current().version, 1);
  t.is(of('mesh-config-file-differs').length, 1);
  await follower.close();
  t.true((await follow({ isLeader: true })).valid);
  t.is(configs.current().version, 2);
  await follow({ isLeader: false });
  await writeFile(path, CLOSED);
  await until('a change is in force, whoever sees it', () => configs.current().version === 3);
});
