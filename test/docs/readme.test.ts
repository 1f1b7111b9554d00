/**
 * The README's quick start is run as a newcomer would: its blocks, in their order, in one shell. Only
 * the ports are others, because those in the text may be taken.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { within } from '../helpers/deadline.ts';
import { requires } from '../helpers/requirements.ts';
import { temporaryDirectory } from '../helpers/temporary-directory.ts';
import { chooseFreePorts, quickStartBlocks, withPorts } from './quick-start.ts';

const ROOT = join(import.meta.dirname, '../..');

requires('curl')('the quick start of the README leads to a call through the mesh', async (t) => {
  await using temporary = await temporaryDirectory();
  const blocks = quickStartBlocks();
  t.is(blocks.length, 7, 'all blocks were found');
  const ports = await chooseFreePorts(blocks);
  const script = blocks
    .map((block, index) => `echo "block ${index}"\n${withPorts(block, ports)}`)
    .join('\n');
  const { PATH, HOME } = process.env;
  // The commands of the operator rely on the control plane's usual port.
  const HAUBERK_CONTROL_PLANE = `127.0.0.1:${ports.get('15012')}`;
  const shell = spawn('sh', ['-eu', '-c', script], {
    cwd: ROOT,
    env: { PATH, HOME, TMPDIR: temporary.path, HAUBERK_CONTROL_PLANE },
    // A group of its own, so that nothing that it started outlives a failure.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => endGroup(shell.pid));
  shell.once('exit', () => endGroup(shell.pid));
  const [stdout, stderr, [code]] = await within(
    'the quick start ends',
    Promise.all([
      shell.stdout.setEncoding('utf8').toArray(),
      shell.stderr.setEncoding('utf8').toArray(),
      once(shell, 'close') as Promise<[number | null]>,
    ]),
    60_000,
  );
  t.is(code, 0, `${stdout.join('')}\n${stderr.join('')}`);
  const output = stdout.join('').split(/^block \d$/m);
  t.is(output[5]?.trim(), 'hello from api');
  t.regex(output[6] ?? '', /^api +shop /m);
  t.regex(output[6] ?? '', /^web +shop /m);
  t.regex(
    output[6] ?? '',
    /^hauberk_connections_opened_total\{direction="outbound",peer="spiffe:\/\/mesh.local\/ns\/shop\/sa\/api"\} [1-9]/m,
  );
  t.deepEqual(readdirSync(temporary.path), [], 'nothing is left behind');
});

test('every page that a document links to is there', (t) => {
  const pages = ['.', 'docs', 'docs/operations']
    .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)))
    .filter((page) => page.endsWith('.md'));
  t.true(pages.length > 10, 'the documents were found');
  const links = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => ({ page, target }))
      .filter(({ target }) => !existsSync(join(ROOT, dirname(page), target))),
  );
  t.deepEqual(links, []);
});

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Nobody of the group is left, as it should be.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
