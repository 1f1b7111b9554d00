// Makes what is installed, which docs/install.md explains:
//
//   npm run dist [-- --folder DIR] [--target TARGET] [--only KIND]
//
// DIST_SIGNING_KEY is a file with a private key of Ed25519, which signs the checksums.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeChecksums } from './checksums.ts';
import { makeExecutable } from './executable.ts';
import { makeNpmPackage } from './npm-package.ts';
import { prepareRelease, type Release } from './release.ts';
import { makeSbom } from './sbom.ts';
import { HOST, parseTarget, type Target } from './target.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What is made, in this order, each by its name for `--only`. */
const KINDS: Readonly<Record<string, (release: Release, target: Target) => Promise<string>>> = {
  npm: makeNpmPackage,
  sbom: makeSbom,
  executable: makeExecutable,
};

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
