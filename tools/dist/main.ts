// `npm run dist`: makes what is installed.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '../../common/errors.ts';
import { writeChecksums } from './checksums.ts';
import { makeDebianPackage } from './debian-package.ts';
import { makeExecutable } from './executable.ts';
import { makeNpmPackage } from './npm-package.ts';
import { prepareRelease, type Release } from './release.ts';
import { makeSbom } from './sbom.ts';
import { HOST, parseTarget, type Target, TARGETS } from './target.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Goes with the executable, as the licenses of what is in it demand. */
const LICENSES = 'THIRD-PARTY-LICENSES';

/** Makes a file; undefined where the target has none of the kind. */
type Make = (release: Release, target: Target) => Promise<string | undefined>;

/** What is made, in this order, each by its name for `--only`. */
const KINDS: Readonly<Record<string, Make>> = {
  npm: makeNpmPackage,
  sbom: makeSbom,
  licenses: async ({ folder: to, licenses }) => {
    await writeFile(join(to, LICENSES), licenses);
    return LICENSES;
  },
  executable: executableOf,
  deb: async (release, target) =>
    await makeDebianPackage(release, target, await executableOf(release, target)),
};

const executables = new Map<Target, Promise<string>>();
/** It is made once, also where two kinds need it. */
async function executableOf(release: Release, target: Target): Promise<string> {
  const executable = executables.get(target) ?? makeExecutable(release, target);
  executables.set(target, executable);
  return await executable;
}

const HELP = `Usage: npm run dist -- [options]

Makes what is installed, which docs/install.md explains. DIST_SIGNING_KEY names a file with a private key of
Ed25519, which signs the checksums.

Options:
  --folder DIR     where to (default: dist)
  --target TARGET  the machine it is for, may be repeated: ${Object.keys(TARGETS).join(', ')} (default: ${HOST})
  --only KIND      may be repeated: ${Object.keys(KINDS).join(', ')} (default: all)
  --help           show this help
`;

/** What was asked for. @throws Error, with what is wrong about it */
function readOptions(): { help: boolean; folder: string; targets: Target[]; only: string[] } {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string', default: join(ROOT, 'dist') },
      target: { type: 'string', multiple: true, default: [HOST] },
      only: { type: 'string', multiple: true, default: Object.keys(KINDS) },
      help: { type: 'boolean', default: false },
    },
  });
  const { help, folder, target, only } = values;
  const unknown = only.find((name) => !Object.hasOwn(KINDS, name));
  if (unknown !== undefined) {
    throw new Error(`--only must be one of ${Object.keys(KINDS).join(', ')}, not ${unknown}`);
  }
  return { help, folder: resolve(folder), targets: target.map(parseTarget), only };
}

async function make(
  folder: string,
  targets: readonly Target[],
  only: readonly string[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const release = await prepareRelease(ROOT, folder);
  const made = new Set<string>();
  for (const target of targets) {
    for (const name of only) {
      const file = await KINDS[name]?.(release, target);
      if (file !== undefined) made.add(file);
    }
  }
  const sums = await writeChecksums(folder, [...made], process.env['DIST_SIGNING_KEY']);
  for (const file of [...made, ...sums]) console.log(join(folder, file));
}

try {
  const { help, folder, targets, only } = readOptions();
  if (help) process.stdout.write(HELP);
  else await make(folder, targets, only);
} catch (error) {
  process.stderr.write(`dist: ${describeError(error)}
`);
  process.exitCode = 1;
}
