/**
 * The README's quick start is run as a newcomer would: its blocks, in their order, in one shell. Only
 * the ports are others, because those in the text may be taken.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { within } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { chooseFreePorts, quickStartBlocks, withPorts } from './quick-start.ts';

const ROOT = join(import.meta.dirname, '../..');

const SOURCES = '{bench,cli,common,control-plane,dashboard,examples,keeper,proto,proxy,test,tools}';

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

const PAGES = ['.', 'docs', 'docs/operations']
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)))
  .filter((page) => page.endsWith('.md'));

/** Everything in the documents that matches, but for what `isThere` finds. */
function missing(pattern: RegExp, isThere: (page: string, target: string) => boolean) {
  return PAGES.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(pattern)]
      .map(([, target = '']) => ({ page, target }))
      .filter(({ target }) => !isThere(page, target)),
  );
}

test('every page that a document links to is there', (t) => {
  t.true(PAGES.length > 10, 'the documents were found');
  const links = missing(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g, (page, target) =>
    existsSync(join(ROOT, dirname(page), target)),
  );
  t.deepEqual(links, []);
});

test('every source that a document names is there', (t) => {
  const sources = globSync(`${SOURCES}/**/*.ts`, { cwd: ROOT }).map((path) => `/${path}`);
  t.true(sources.length > 500, 'the sources were found');
  // CONTRIBUTING says that there is no index.ts.
  const names = missing(/`(?!index\.ts)([\w./-]+\.ts)`/g, (_page, target) =>
    sources.some((path) => path.endsWith(`/${target}`)),
  );
  t.deepEqual(names, []);
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
