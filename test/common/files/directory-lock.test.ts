// One process at a time uses a directory, and whoever is killed lets go of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { lockDirectory } from '../../../common/files/directory-lock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const MODULE = join(import.meta.dirname, '../../../common/files/directory-lock.ts');

test('a directory is locked for one, in this process and in another, until it lets go or is killed', async (t) => {
  await using directory = await temporaryDirectory();
  const first = lockDirectory(directory.path);
  t.is(lockDirectory(directory.path), undefined, 'in this process');
  first?.close();

  const script = `
    import { lockDirectory } from ${JSON.stringify(MODULE)};
    globalThis.lock = lockDirectory(${JSON.stringify(directory.path)});
    console.log(globalThis.lock === undefined ? 'refused' : 'locked');
    setInterval(() => {}, 1000);
  `;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  t.is(line, 'locked\n');
  t.is(lockDirectory(directory.path), undefined, 'in another one');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const again = lockDirectory(directory.path);
  t.not(again, undefined);
  again?.close();
});

test('a directory that is not there cannot be locked', (t) => {
  t.throws(() => lockDirectory('/nonexistent/directory'));
});
