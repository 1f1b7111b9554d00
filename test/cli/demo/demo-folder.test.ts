// The folder of a demo that was killed has the key of its root in it: the next demo removes it, and nothing else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { CONTROL_PLANE_FOLDER, openDemoFolder } from '../../../cli/demo/demo-folder.ts';
import { within } from '../../helpers/deadline.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const MODULE = new URL('../../../cli/demo/demo-folder.ts', import.meta.url).href;

async function emptyDirectory(t: ExecutionContext): Promise<string> {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  return directory.path;
}

/** A process that opens a folder, writes what a control plane writes, and lives until it is killed. */
async function openElsewhere(t: ExecutionContext, temporary: string) {
  const source = `
    import { mkdirSync } from 'node:fs';
    const { openDemoFolder } = await import(${JSON.stringify(MODULE)});
    const { path } = await openDemoFolder(${JSON.stringify(temporary)});
    mkdirSync(path + '/${CONTROL_PLANE_FOLDER}/keys', { recursive: true });
    console.log(path);
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  const [line] = (await within(
    'a process opens a folder',
    once(createInterface({ input: child.stdout }), 'line'),
  )) as [string];
  return {
    name: path.basename(line),
    async kill() {
      child.kill('SIGKILL');
      await within('it ends', once(child, 'exit'));
    },
  };
}

test('folders of demos that were killed are removed, and those of demos that run are not', async (t) => {
  const temporary = await emptyDirectory(t);
  const [killed, running] = [await openElsewhere(t, temporary), await openElsewhere(t, temporary)];
  await killed.kill();
  const own = await openDemoFolder(temporary);
  t.deepEqual((await readdir(temporary)).sort(), [running.name, path.basename(own.path)].sort());
  await own.remove();
  t.deepEqual(await readdir(temporary), [running.name]);
});

test('what is not a folder of a demo is left, whatever its name', async (t) => {
  const [temporary, elsewhere] = [await emptyDirectory(t), await emptyDirectory(t)];
  await mkdir(path.join(elsewhere, CONTROL_PLANE_FOLDER));
  await symlink(elsewhere, path.join(temporary, 'hauberk-demo-linked'));
  await mkdir(path.join(temporary, 'hauberk-demo-starts'));
  await mkdir(path.join(temporary, 'hauberk-demo-notes', CONTROL_PLANE_FOLDER), {
    recursive: true,
  });
  await writeFile(path.join(temporary, 'hauberk-demo-afiles'), '');
  const before = await readdir(temporary);
  const own = await openDemoFolder(temporary);
  await own.remove();
  t.deepEqual(await readdir(temporary), before);
  t.deepEqual(await readdir(elsewhere), [CONTROL_PLANE_FOLDER]);
});
