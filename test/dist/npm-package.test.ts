// The package of npm: what is in it, that it is the same each time, and that it works where it is installed.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import test from 'ava';
import { makeNpmPackage } from '../../tools/dist/npm-package.ts';
import { prepareRelease } from '../../tools/dist/release.ts';
import { within } from '../helpers/deadline.ts';
import { runInstalledDemo } from '../helpers/dist/demo-run.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const made = await temporaryDirectory();
const release = await prepareRelease(ROOT, made.path);
const tarball = join(made.path, await makeNpmPackage(release));
test.after.always(() => made[Symbol.asyncDispose]());

const digest = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

test('two packages of the same sources are equal', async (t) => {
  await using other = await temporaryDirectory();
  const again = await prepareRelease(ROOT, other.path);
  t.is(await digest(join(other.path, await makeNpmPackage(again))), await digest(tarball));
});

test('an installed package runs a mesh of processes of its own', async (t) => {
  await using folder = await temporaryDirectory();
  const prefix = join(folder.path, 'prefix');
  // Without the Node.js of its optional packages nothing is downloaded: it runs on the one in the PATH.
  const flags = ['--offline', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=notice'];
  const installed = await run(
    'npm',
    ['install', '--global', '--prefix', prefix, ...flags, tarball],
    {
      env: { PATH: process.env['PATH'], HOME: folder.path },
    },
  );
  t.is(installed.stderr, '', 'npm says nothing but its one line');

  const home = join(prefix, 'lib/node_modules/hauberk');
  const { stdout: files } = await run('find', [
    home,
    '-name',
    '*.ts',
    '-o',
    '-name',
    'node_modules',
  ]);
  t.is(files, '', 'no types, and no package but itself');

  const program = join(prefix, 'bin/hauberk');
  const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
  const said = await run(program, ['version'], { env: { PATH: path }, cwd: '/' });
  t.is(said.stdout, `hauberk ${release.manifest.version} (Node.js ${process.versions.node})\n`);
  const report = await runInstalledDemo(program, path);
  t.true(report.requests > 0);
  t.true(report.rotations > 0);
  t.is(report.failures, 0);
  t.is(report.plaintextOnWire, 0);
});

/** The port of the dashboard, as the control plane logs it. */
async function dashboardPort(output: Readable): Promise<number> {
  for await (const line of createInterface({ input: output })) {
    const { listener, port } = JSON.parse(line) as { listener?: string; port?: number };
    if (listener === 'dashboard' && port !== undefined) return port;
  }
  throw new Error('expected the control plane to serve a dashboard, it ended');
}

test('the files of the dashboard are in the one file', async (t) => {
  await using folder = await temporaryDirectory();
  await run('tar', ['-xzf', tarball, '-C', folder.path]);
  const places = ['grpc', 'http', 'dashboard'].map((name) => `--${name}-listen=127.0.0.1:0`);
  const program = spawn(
    process.execPath,
    [
      join(folder.path, 'package/hauberk.js'),
      'control-plane',
      `--data-dir=${join(folder.path, 'data')}`,
      ...places,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
  );
  t.teardown(() => void program.kill('SIGKILL'));
  const port = await within('the dashboard is served', dashboardPort(program.stdout), 30_000);
  for (const [path, type, text] of [
    ['/', 'text/html', '<title>'],
    ['/app/main.ts', 'text/javascript', 'class App'],
    ['/app/styles/base.css', 'text/css', ':root'],
    ['/app/errors.md', 'text/markdown', '`denied-caller`'],
    ['/lib/lit-html/lit-html.js', 'text/javascript', 'export'],
    ['/lib/dagre.js', 'text/javascript', 'export'],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    t.is(response.status, 200, path);
    t.regex(response.headers.get('content-type') ?? '', new RegExp(`^${type}`), path);
    t.true((await response.text()).includes(text), path);
  }
  program.kill('SIGTERM');
  await within('it ends', once(program, 'exit'), 30_000);
});

test('what the bundle cannot load names the way out', async (t) => {
  await using folder = await temporaryDirectory();
  await run('tar', ['-xzf', tarball, '-C', folder.path]);
  const script = join(folder.path, 'package/hauberk.js');
  const started = run(process.execPath, [script, '--load=cli/nothing.ts']);
  const error = (await t.throwsAsync(started)) as Error & { code: number; stderr: string };
  t.is(error.code, 2);
  t.regex(
    error.stderr,
    /^hauberk: it has no file "cli\/nothing\.ts" to load; see hauberk --help\n$/,
  );
});
