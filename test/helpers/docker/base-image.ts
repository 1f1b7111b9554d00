import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';
import { endProcess, words } from './run.ts';

/** The image that the Dockerfiles of this project begin with. */
export const BASE_IMAGE = 'node:26-slim';

/** What node:26-slim has besides Debian's essential packages. */
const PACKAGES = ['ca-certificates', 'libatomic1'];

/** What nobody reads in a test. Left out while packages are unpacked, it takes half as much CPU time again. */
const UNREAD = ['doc', 'man', 'locale'].map((folder) => `"$1"/usr/share/${folder}/*`);

/** A minute on a machine that does nothing else. */
const DEADLINE_MS = 6 * 60_000;

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Makes what a registry would give for BASE_IMAGE: Debian from the mirror that this machine uses, and
 * in /usr/local the Node.js that runs this, with npm.
 */
export async function makeBaseImage(
  scope: Scope,
  env: NodeJS.ProcessEnv,
  directory: string,
): Promise<void> {
  const local = join(directory, 'base/local');
  await mkdir(join(local, 'bin'), { recursive: true });
  await mkdir(join(local, 'etc'));
  await cp(process.execPath, join(local, 'bin/node'));
  await cp(await npmPackage(), join(local, 'lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  await cp(CERTIFICATES, join(local, 'etc/ca-certificates.crt'));
  const registry = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' });
  await writeFile(join(local, 'etc/npmrc'), `registry=${registry.stdout.trim()}\n`);

  const { suite, mirror } = await debian();
  const bootstrap = spawn(
    'setpriv',
    [
      // What it mounts goes away with it, also when it is killed.
      ...words(
        '--pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc mmdebstrap',
      ),
      ...words('--quiet --variant=apt --mode=root --format=tar --dpkgopt=force-unsafe-io'),
      `--customize-hook=rm -rf ${UNREAD.join(' ')}`,
      '--aptopt=Acquire::Languages "none"',
      `--include=${PACKAGES.join(',')}`,
      `--customize-hook=copy-in ${local} /usr`,
      suite,
      '-',
      mirror,
    ],
    { env: { ...env, TMPDIR: directory }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const image = spawn(
    'docker',
    [
      'import',
      // The registry of packages may be behind a certificate that only this machine knows.
      '--change',
      'ENV NODE_EXTRA_CA_CERTS=/usr/local/etc/ca-certificates.crt',
      '-',
      BASE_IMAGE,
    ],
    { env, stdio: ['pipe', 'ignore', 'pipe'] },
  );
  scope.teardown(() => endProcess(bootstrap));
  scope.teardown(() => endProcess(image));
  let said = '';
  for (const { stderr } of [bootstrap, image]) {
    stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  try {
    const ended = Promise.all([
      once(bootstrap, 'close'),
      once(image, 'close'),
      pipeline(bootstrap.stdout, image.stdin),
    ]);
    const [[made], [imported]] = await within(`${BASE_IMAGE} is made`, ended, DEADLINE_MS);
    if (made !== 0 || imported !== 0) throw new Error(`${BASE_IMAGE} could not be made`);
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${said}`, { cause });
  }
}

/** The folder of the npm that is on the PATH. */
async function npmPackage(): Promise<string> {
  const found = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim();
  return dirname(dirname(await realpath(found)));
}

/** The release that runs here, and where apt gets it from. */
async function debian(): Promise<{ readonly suite: string; readonly mirror: string }> {
  const release = await readFile('/etc/os-release', 'utf8');
  const suite = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1] ?? '';
  const { stdout } = spawnSync(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages'],
    { encoding: 'utf8' },
  );
  const lines = stdout.split('\n').map((line) => line.split(' '));
  const mirror = lines.find(([, at, part]) => at === suite && part === 'main')?.[0];
  if (mirror === undefined) throw new Error(`apt has no source for main of ${suite}`);
  return { suite, mirror };
}
