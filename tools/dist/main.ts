// Makes what is installed, which docs/install.md explains:
//
//   npm run dist [-- --folder DIR] [--target TARGET] [--only KIND]
//
// DIST_SIGNING_KEY is a file with a private key of Ed25519, which signs the checksums.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeChecksums } from './checksums.ts';
import { makeDebianPackage } from './debian-package.ts';
import { makeExecutable } from './executable.ts';
import { makeNpmPackage } from './npm-package.ts';
import { prepareRelease, type Release } from './release.ts';
import { makeSbom } from './sbom.ts';
import { HOST, parseTarget, type Target } from './target.ts';

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

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(ROOT, 'dist') },
    target: { type: 'string', multiple: true, default: [HOST] },
    only: { type: 'string', multiple: true, default: Object.keys(KINDS) },
  },
});
const targets = values.target.map(parseTarget);
const unknown = values.only.find((name) => !Object.hasOwn(KINDS, name));
if (unknown !== undefined) {
  throw new Error(`--only must be one of ${Object.keys(KINDS).join(', ')}, not ${unknown}`);
}
const folder = resolve(values.folder);
await mkdir(folder, { recursive: true });
const release = await prepareRelease(ROOT, folder);
const made = new Set<string>();
for (const target of targets) {
  for (const name of values.only) {
    const file = await KINDS[name]?.(release, target);
    if (file !== undefined) made.add(file);
  }
}
const sums = await writeChecksums(folder, [...made], process.env['DIST_SIGNING_KEY']);
for (const file of [...made, ...sums]) console.log(join(folder, file));
