/** Whatever ends a run, no process of it is left, and no file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, within } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const test = requires('network-namespaces', 'etcd', 'etcdctl', 'tcpdump', 'nft', 'openssl');

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`${signal} leaves nothing of a run behind`, async (t) => {
    await using directory = await temporaryDirectory();
    const main = join(import.meta.dirname, 'main.ts');
    const node = ['--disable-warning=ExperimentalWarning', main, '--seed=1'];
    const child = spawn(process.execPath, node, {
      env: { ...process.env, TMPDIR: directory.path },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout });
    await within('the run begins', once(lines, 'line'));
    t.true(processesIn(directory.path).length > 0);
    await eventually('etcd runs', () => processesIn(directory.path).includes('etcd') || undefined);
    const closed = once(child, 'exit');
    child.kill(signal);
    const [code] = (await within('the run ends', closed)) as [number | null];
    t.is(code, signal === 'SIGINT' ? 1 : null);
    await eventually('no process of it is left', () => {
      return processesIn(directory.path).length === 0 || undefined;
    });
    for (const name of readdirSync(directory.path)) {
      // One that is killed cannot remove the folder over which its file system was.
      t.is(signal, 'SIGKILL');
      t.deepEqual(readdirSync(join(directory.path, name)), []);
    }
  });
}

/** The programs of the processes whose command line or environment names a folder. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        const all = command + readFileSync(`/proc/${pid}/environ`, 'latin1');
        return all.includes(folder) ? [command.split('\0')[0] ?? ''] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}
