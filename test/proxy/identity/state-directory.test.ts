import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { systemClock, type EpochMs } from '../../../common/clock.ts';
import { storedMoment } from '../../../common/dates.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { IdentityError } from '../../../proxy/identity/identity-error.ts';
import { openStateDirectory, type StoredState } from '../../../proxy/identity/state-directory.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const authority = createTestAuthority();
const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

function newState(receivedMs = 1_000): StoredState {
  const { spiffeId: id, privateKey, chain } = authority.workload('shop', 'web');
  const { bundle } = authority;
  const lifetimeMs = 3_600_000;
  const received = storedMoment(systemClock, receivedMs as EpochMs);
  return {
    instanceId: 'instance-1',
    identity: { spiffeId: id, privateKey, chain, bundle, received, lifetimeMs },
  };
}

test('what was saved is read back, from a directory that only its owner can read', async (t) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'deep', 'state');
  const state = await openStateDirectory(path, systemClock);
  t.is(await state.load(web), undefined);
  const saved = newState();
  await state.save(saved);
  const loaded = await state.load(web);
  t.is(loaded?.instanceId, 'instance-1');
  t.is(Number(loaded?.identity.received.epochMs), 1_000);
  t.is(loaded?.identity.lifetimeMs, 3_600_000);
  t.deepEqual(loaded?.identity.spiffeId, web);
  t.deepEqual(loaded?.identity.chain.map(String), saved.identity.chain.map(String));
  t.deepEqual(loaded?.identity.bundle.roots.map(String), authority.bundle.roots.map(String));
  t.true(loaded?.identity.privateKey.equals(saved.identity.privateKey));
  t.is((await stat(path)).mode & 0o777, 0o700);
  t.is((await stat(join(path, 'identity.json'))).mode & 0o777, 0o600);
});

test('a key that others may read is refused, and taken when they may not', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  await state.save(newState());
  const file = join(directory.path, 'identity.json');
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(file, mode);
    const error = await t.throwsAsync(state.load(web), { instanceOf: IdentityError });
    t.is(error.code, 'state-mode');
    t.true(error.message.includes(`0${mode.toString(8)}`));
    t.true(error.message.includes(file));
  }
  await chmod(file, 0o600);
  t.truthy(await state.load(web));
});

test('the state of another service is refused', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  await state.save(newState());
  const api = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
  const error = await t.throwsAsync(state.load(api), { instanceOf: IdentityError });
  t.is(error.code, 'state-foreign');
  t.true(error.message.includes(web.uri));
  t.true(error.message.includes(api.uri));
});

test('whatever is not a whole state is corrupt, and its contents are not quoted', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  const file = join(directory.path, 'identity.json');
  await state.save(newState());
  const whole = await readFile(file, 'utf8');
  const other = JSON.parse(whole) as Record<string, unknown>;
  await state.save(newState());
  const { chain } = JSON.parse(await readFile(file, 'utf8')) as { chain: string };
  const texts = {
    empty: '',
    cut: whole.slice(0, whole.length / 2),
    'not JSON': 'SECRET',
    'another format': JSON.stringify({ ...other, format: 2 }),
    'without a chain': JSON.stringify({ ...other, chain: '' }),
    'with the key of another leaf': JSON.stringify({ ...other, chain }),
    'with a broken key': JSON.stringify({ ...other, privateKey: 'SECRET' }),
  };
  for (const [what, text] of Object.entries(texts)) {
    await writeFile(file, text);
    const error = await t.throwsAsync(state.load(web), { instanceOf: IdentityError }, what);
    t.is(error.code, 'state-corrupt', what);
    t.false(error.message.includes('SECRET'), what);
  }
  await writeFile(file, whole);
  t.truthy(await state.load(web));
});

test('a state with a byte that the disk has changed is corrupt, wherever it is', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  const file = join(directory.path, 'identity.json');
  await state.save(newState());
  const whole = await readFile(file);
  const text = (loaded: StoredState | undefined): string =>
    JSON.stringify([loaded?.instanceId, loaded?.identity.chain, loaded?.identity.bundle.roots]);
  const before = text(await state.load(web));
  let found = 0;
  for (let at = 0; at < whole.length; at += 7) {
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(whole.readUInt8(at) ^ 0x01, at);
    await writeFile(file, damaged);
    try {
      // What stands between the values may be changed and mean the same.
      t.is(text(await state.load(web)), before, `byte ${at}`);
    } catch (error) {
      t.is((error as IdentityError).code, 'state-corrupt');
      found += 1;
    }
  }
  t.true(found > (whole.length / 7) * 0.9);
});

test('a state of an older version, which has no digest, is read', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  const file = join(directory.path, 'identity.json');
  await state.save(newState());
  const { digest, ...old } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  t.regex(String(digest), /^[0-9a-f]{64}$/);
  await writeFile(file, JSON.stringify(old));
  t.is((await state.load(web))?.instanceId, 'instance-1');
});

test('a state that cannot be used is kept under another name', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  await writeFile(join(directory.path, 'identity.json'), 'broken', { mode: 0o600 });
  const aside = await state.setAside(42);
  t.is(await readFile(aside, 'utf8'), 'broken');
  t.is(await state.load(web), undefined);
});

test('a place that cannot be a directory is told before a token is spent', async (t) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'file');
  await writeFile(file, '');
  const error = await t.throwsAsync(openStateDirectory(file, systemClock), {
    instanceOf: IdentityError,
  });
  t.is(error.code, 'state-unwritable');
  t.true(error.message.includes(file));
});

test('a state that cannot be read says so', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  await mkdir(join(directory.path, 'identity.json'), { mode: 0o700 });
  const error = await t.throwsAsync(state.load(web), { instanceOf: IdentityError });
  t.is(error.code, 'state-unreadable');
});

test('a process that is killed while it saves leaves a whole state', async (t) => {
  await using directory = await temporaryDirectory();
  const state = await openStateDirectory(directory.path, systemClock);
  await state.save(newState());
  const writer = new URL('../../helpers/mesh/state-writer.ts', import.meta.url).pathname;
  for (let round = 0; round < 5; round += 1) {
    const child = spawn(process.execPath, [writer, directory.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Some states were written; the kill comes at any point of the next one.
    await once(child.stdout, 'data');
    await new Promise((resolve) => setImmediate(resolve));
    child.kill('SIGKILL');
    await once(child, 'close');
    const loaded = await state.load(web);
    t.is(loaded?.instanceId, 'instance-1');
  }
  await state.save(newState(7));
  t.is(Number((await state.load(web))?.identity.received.epochMs), 7);
  t.deepEqual(await readdir(directory.path), ['identity.json']);
});
