/** docs/two-hosts.md is run as it is written, its two sections in two network namespaces. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { within } from '../helpers/deadline.ts';
import { createNetwork, type Host } from '../helpers/netns/network.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { shellBlocks } from './quick-start.ts';

const CLI = join(import.meta.dirname, '../../cli');
const test = requires('network-namespaces', 'ip', 'curl');

type Shell = ChildProcessByStdio<null, Readable, Readable>;

/** Runs a script on a host, in a folder that it makes. Everything that it starts ends with the stack. */
async function startShell(
  stack: AsyncDisposableStack,
  host: Host,
  folder: string,
  blocks: readonly string[],
): Promise<Shell> {
  await mkdir(folder);
  const [program = '', ...through] = host.through;
  const script = [...blocks, 'echo all blocks were run', 'wait'].join('\n');
  const shell = spawn(program, [...through, 'sh', '-eu', '-c', script], {
    cwd: folder,
    env: { PATH: `${CLI}:${process.env['PATH']}`, HOME: folder },
    // A group of its own, so that nothing that it started outlives the test.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  stack.defer(async () => {
    const closed = shell.exitCode === null ? once(shell, 'close') : undefined;
    if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    await closed;
  });
  return shell;
}

/** What a script prints until all of its blocks were run. */
async function outputOf({ stdout, stderr }: Shell): Promise<string> {
  let printed = '';
  let failed = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (failed += text));
  for await (const text of stdout.setEncoding('utf8')) {
    printed += String(text);
    if (printed.includes('all blocks were run')) return printed;
  }
  throw new Error(`the script ended: ${printed}\n${failed}`);
}

test('the page of two hosts leads to a call from one to the other', async (t) => {
  await using temporary = await temporaryDirectory();
  // Before the folder goes, into which they write.
  await using shells = new AsyncDisposableStack();
  const { hosts } = await createNetwork(t, ['first', 'second']);
  const blocks = (heading: string): string[] =>
    shellBlocks('docs/two-hosts.md', heading).map((block) =>
      block
        // In the place of a copy over the network.
        .replace('scp 192.0.2.10:', `cp ${temporary.path}/first/`)
        .replaceAll('192.0.2.10', hosts.first.ipv4),
    );
  const onFirst = blocks('## On the first host');
  const onSecond = blocks('## On the second host');
  t.is(onFirst.length + onSecond.length, 4, 'all blocks were found');

  const first = await startShell(shells, hosts.first, join(temporary.path, 'first'), onFirst);
  await within('the first host is ready', outputOf(first));
  const second = await startShell(shells, hosts.second, join(temporary.path, 'second'), onSecond);
  t.regex(await within('the call is answered', outputOf(second)), /^hello from the first host$/m);
  const log = await readFile(join(temporary.path, 'first/control-plane.log'), 'utf8');
  t.regex(log, /host-address-announced.*10\.77\.0\.1/);
  const calls = await readFile(join(temporary.path, 'second/web.log'), 'utf8');
  t.notRegex(calls, /wrong-identity/);
});
