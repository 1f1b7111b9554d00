// The command line itself: help, mistakes, pipes that close, the launcher.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, copyFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { COMMANDS } from '../../cli/command-table.ts';
import { dispatch } from '../../cli/dispatch.ts';
import { systemClock } from '../../common/clock.ts';
import { within } from '../helpers/deadline.ts';
import { runHauberk } from '../helpers/mesh/hauberk-process.ts';

const LAUNCHER = join(import.meta.dirname, '../../cli/hauberk');

/** Runs the commands that ask a mesh inside this process: what is tested here needs none. */
async function run(argv: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await dispatch(COMMANDS, {
    argv,
    env: {},
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    clock: systemClock,
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}

test('help and the words of a command show what its --help shows', async (t) => {
  for (const words of [['status'], ['token', 'create'], ['ca'], []]) {
    const asked = await run(['help', ...words]);
    t.is(asked.code, 0);
    t.deepEqual(asked, await run([...words, '--help']));
  }
});

test.serial('a file of settings that is missing is not asked for in the file itself', async (t) => {
  const { code, stderr } = await runHauberk(['gateway', '--service', 'edge']);
  t.is(code, 2);
  t.regex(
    stderr,
    /^hauberk gateway: the YAML file .* is missing; give it with --config FILE or HAUBERK_CONFIG\n$/,
  );
});

test.serial('the help lists the commands and the first steps', async (t) => {
  const { code, stdout, stderr } = await runHauberk(['--help']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const parts = [
    'hauberk control-plane',
    'hauberk proxy',
    'token create',
    'First steps:',
    'Exit codes:',
  ];
  for (const part of parts) t.true(stdout.includes(part), part);
});

for (const program of ['control-plane', 'proxy']) {
  test.serial(`hauberk ${program} --help explains the program`, async (t) => {
    const { code, stdout, stderr } = await runHauberk([program, '--help']);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    t.true(stdout.startsWith(`Usage: hauberk ${program} `), stdout);
  });
}

for (const { words } of COMMANDS) {
  test(`hauberk ${words} --help explains the command`, async (t) => {
    const { code, stdout, stderr } = await run([...words.split(' '), '--help']);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    t.true(stdout.startsWith(`Usage: hauberk ${words} `), stdout);
  });
}

const MISTAKES = [
  { args: [], says: /^Usage: hauberk COMMAND/ },
  { args: ['token'], says: /^Usage: hauberk COMMAND/ },
  {
    args: ['staus'],
    says: /^hauberk: there is no command "staus"; did you mean hauberk status\?\n$/,
  },
  { args: ['token', 'creat'], says: /did you mean hauberk token create\?\n$/ },
  { args: ['hbk-1-abc-def-ghi'], says: /^hauberk: there is no command "hbk-\[redacted\]"/ },
  {
    args: ['token', 'create'],
    says: /^hauberk token create: the namespace .* is missing; give it with --namespace NAME or HAUBERK_NAMESPACE\n$/,
  },
  {
    args: ['ca', 'rotate', '--grace', '2m'],
    says: /; leave --grace out, or add --compromised\n$/,
  },
  {
    args: ['apply'],
    says: /^hauberk apply: the file with the configuration of the mesh is missing;/,
  },
  { args: ['verify'], says: /^hauberk verify: the place where connections are made is missing;/ },
  { args: ['help', 'staus'], says: /^hauberk: there is no command "staus"; did you mean/ },
  {
    args: ['token', 'revoke'],
    says: /^hauberk token revoke: the ID is missing; see hauberk token revoke --help\n$/,
  },
  { args: ['status', '--jsn'], says: /there is no flag --jsn; did you mean --json\?\n$/ },
  {
    args: ['certs', '--limit', '0'],
    says: /--limit: expected a whole number from 1 to 100000, got "0"\n$/,
  },
] as const;

for (const { args, says } of MISTAKES) {
  test(`a mistake is one answer and exit code 2: hauberk ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await run(args);
    t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    t.regex(stderr, says);
    t.notRegex(stderr, /\n\s+at /);
  });
}

test.serial('a mistake ends a real process the same way', async (t) => {
  const { code, stdout, stderr } = await runHauberk(['proxy', '--service', 'UPPER']);
  t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  t.regex(stderr, /^hauberk proxy: --service: expected a name of lower-case letters[^\n]*\n$/);
});

test.serial('whoever reads may stop reading', async (t) => {
  const hauberk = spawn('sh', ['-c', `"${LAUNCHER}" --help | true; "${LAUNCHER}" --help >&-`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stderr] = await within(
    'hauberk ends',
    Promise.all([hauberk.stderr.setEncoding('utf8').toArray(), once(hauberk, 'close')]),
  );
  t.is(stderr.join(''), '');
});

test.serial(
  'the launcher works through symlinks, and says when packages are missing',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'hauberk-cli-'));
    t.teardown(() => rm(folder, { recursive: true }));
    await symlink(LAUNCHER, join(folder, 'first'));
    await symlink('first', join(folder, 'second'));
    const linked = await launch(join(folder, 'second'), ['version']);
    t.is(linked.code, 0);
    t.regex(linked.stdout, /^hauberk \d+\.\d+\.\d+ \(Node\.js /);

    await mkdir(join(folder, 'checkout/cli'), { recursive: true });
    for (const file of ['hauberk', 'find-node']) {
      await copyFile(join(dirname(LAUNCHER), file), join(folder, 'checkout/cli', file));
    }
    const bare = await launch(join(folder, 'checkout/cli/hauberk'), ['version']);
    t.is(bare.code, 2);
    t.regex(bare.stderr, /^hauberk: its packages are not installed; run npm ci in .*checkout\n$/);
  },
);

async function launch(file: string, args: readonly string[]) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await within(
    `${file} ends`,
    Promise.all([
      child.stdout.setEncoding('utf8').toArray(),
      child.stderr.setEncoding('utf8').toArray(),
      once(child, 'close'),
    ]),
  );
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}
