// The command: where its output goes, what it says of what is wrong, and that it then writes nothing.
import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { run as inject } from '../../../cli/commands/inject.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const PROJECT =
  'name: Shop\nservices:\n  web: { image: web, ports: ["8080:80"] }\n  api: { image: api }\n';
const WRONG = 'services:\n  web: { image: web, network_mode: host }\n  api: { image: api }\n';

const LAUNCHER = join(import.meta.dirname, '../../../cli/hauberk');

/** In place of the Docker client of this machine: one that knows all images, which have no health check. */
const DOCKER = await temporaryDirectory();
await writeFile(join(DOCKER.path, 'docker'), "#!/bin/sh\necho '{}'\n", { mode: 0o755 });
test.after.always(() => DOCKER[Symbol.asyncDispose]());

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...argv: readonly string[]): Promise<Outcome> {
  return runWith(DOCKER.path, ...argv);
}

/** @param path where the Docker client is looked for */
async function runWith(path: string, ...argv: readonly string[]): Promise<Outcome> {
  const texts = { stdout: '', stderr: '' };
  const code = await inject({
    argv,
    env: { PATH: path },
    clock: createManualClock(),
    stdout: { write: (text) => void (texts.stdout += text) },
    stderr: { write: (text) => void (texts.stderr += text) },
  });
  return { code, ...texts };
}

test('the file goes to standard output, alone', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  await writeFile(file, PROJECT);
  const { code, stdout, stderr } = await run(file);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  t.true(stdout.startsWith('name: Shop\nservices:\n  web:'));
  t.true(stdout.includes('--namespace=shop\n'), 'the name of the project as Compose makes it fit');
  t.true(stdout.includes('image: hauberk\n'));
});

test('image and project can be chosen', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  await writeFile(file, PROJECT);
  const { stdout } = await run(file, '--image', 'mine:2', '--project', 'other');
  t.true(stdout.includes('--namespace=other\n'));
  t.true(stdout.includes('image: "mine:2"\n'));
  t.false(stdout.includes('image: hauberk\n'));
});

test('--output writes a file that comes back as it is', async (t) => {
  await using folder = await temporaryDirectory();
  const [file, output] = [join(folder.path, 'compose.yaml'), join(folder.path, 'mesh.yaml')];
  await writeFile(file, PROJECT);
  t.deepEqual(await run(file, '--output', output), { code: 0, stdout: '', stderr: '' });
  const written = await readFile(output, 'utf8');
  t.deepEqual(await run(output), { code: 0, stdout: written, stderr: '' });
  const { stdout } = await run(output, '--check');
  t.is(stdout, 'hauberk inject wrote this file: nothing would change\n');
});

test('images that are not here are named, in a note beside what is written', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  await writeFile(file, PROJECT);
  const { code, stdout, stderr } = await runWith('/nowhere', file);
  t.is(code, 0);
  t.regex(
    stderr,
    /^hauberk inject: note: no image is known here for .*, so that .* run `docker compose pull .*` and inject again/,
  );
  const off = / healthcheck: \{ disable: true \},/g;
  t.is(stdout.match(off)?.length, 2);
  t.is(stdout.replace(off, ''), (await run(file)).stdout);
});

test('--env-file is for inject alone, and not taken by Node.js', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  const [variables, missing] = [join(folder.path, 'own.env'), join(folder.path, 'nope')];
  await writeFile(file, 'services: { web: { image: web, ports: ["${PORT}:80"] } }');
  await writeFile(variables, 'PORT=8123\n');
  const launch = (path: string) =>
    promisify(execFile)(LAUNCHER, ['inject', file, '--check', '--env-file', path]);
  t.regex((await launch(variables)).stdout, /decided by PORT=8123/);
  const refused = await t.throwsAsync<Error & { code: number; stderr: string }>(launch(missing));
  t.is(refused?.code, 2);
  t.is(refused?.stderr, `hauberk inject: there is no file ${missing}\n`);
});

test('when anything is wrong nothing is written, and the exit code is 2', async (t) => {
  await using folder = await temporaryDirectory();
  const [file, output] = [join(folder.path, 'compose.yaml'), join(folder.path, 'mesh.yaml')];
  await writeFile(file, WRONG);
  for (const flags of [[], ['--output', output]]) {
    const { code, stdout, stderr } = await run(file, ...flags);
    t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    t.regex(stderr, /^hauberk inject: .*compose\.yaml:2: service web: network_mode host .*\n$/);
  }
  await t.throwsAsync(stat(output), { code: 'ENOENT' });
});

test('a folder is no file to read, and none to write', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  await writeFile(file, 'services:\n  web: {image: web, healthcheck: {disable: true}}\n');
  const read = await run(folder.path);
  t.is(read.code, 2);
  t.regex(read.stderr, /cannot be read: illegal operation on a directory \(EISDIR\)\n$/);
  const write = await run(file, '--output', folder.path);
  t.is(write.code, 2);
  t.regex(
    write.stderr,
    /--output: .* is a folder, and the Compose file has to be written into a file\n$/,
  );
});

test('a file that is not there is one sentence', async (t) => {
  const { code, stdout, stderr } = await run('/nowhere/compose.yaml');
  t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  t.is(stderr, 'hauberk inject: there is no file /nowhere/compose.yaml\n');
});

test('--check tells of every service what would become of it', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  await writeFile(file, PROJECT);
  const { code, stdout } = await run(file, '--check');
  t.is(code, 0);
  const [table = '', commands = ''] = stdout.split('\n\n');
  const clients =
    'sees its own address as that of all clients: client-address: preserve keeps theirs';
  t.deepEqual(
    table.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['SERVICE', 'ACTION', 'IDENTITY', 'REPLICAS', 'INGRESS', 'NOTES'],
      ['web', 'mesh', 'web', '1', '80', clients],
      ['api', 'mesh', 'api', '1', '-', '-'],
    ],
  );
  // What the commands of Compose do otherwise.
  t.regex(commands, /port NAME PORT +-> port NAME-pod PORT/);
  t.notRegex(commands, /restart +-> stop, then start/);
  const v1 = await run(file, '--check', '--compose-v1');
  t.regex(
    v1.stdout,
    /port NAME PORT +-> port NAME-pod PORT[^]*\n {2}restart +-> stop, then start\n/,
  );
});

test('--check says what is refused and why, for people and for programs', async (t) => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, 'compose.yaml');
  await writeFile(file, WRONG);
  const table = await run(file, '--check');
  t.is(table.code, 2);
  t.regex(table.stdout, /^web +refuse .* see below$/m);
  t.regex(table.stdout, /^api +mesh /m);
  t.regex(table.stderr, /service web: network_mode host/);
  const { code, stdout } = await run(file, '--check', '--json');
  t.is(code, 2);
  const report = JSON.parse(stdout) as {
    readonly services: readonly { readonly service: string; readonly action: string }[];
    readonly problems: readonly { readonly code: string; readonly line: number }[];
  };
  t.deepEqual(
    report.services.map(({ service, action }) => [service, action]),
    [
      ['web', 'refuse'],
      ['api', 'mesh'],
    ],
  );
  t.like(report.problems[0], { code: 'network-mode', line: 2, service: 'web' });
});
