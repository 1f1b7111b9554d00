import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from './release.ts';
import { run } from './run.ts';

/** What is copied as it is: the launcher, what it needs, and what a person reads. */
const FILES = [
  'cli/hauberk',
  'cli/find-node',
  'cli/libatomic',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
];

/** What the manifest of the package has in common with the one of the sources. */
const FIELDS = ['name', 'version', 'description', 'keywords', 'license', 'type', 'bin'] as const;

/**
 * Makes the tarball that `npm install -g` takes. It depends on nothing but a Node.js for its platform, which
 * is optional, since the machine may have one. So its manifest asks for no version of Node.js: the one
 * that npm runs on need not be the one that Hauberk runs on.
 *
 * @returns the name of the file in the folder of the release
 */
export async function makeNpmPackage(release: Release): Promise<string> {
  const { root, folder, manifest, bundle, licenses } = release;
  const staging = join(folder, 'npm');
  await rm(staging, { recursive: true, force: true });
  await mkdir(join(staging, 'cli'), { recursive: true });
  for (const file of FILES) await cp(join(root, file), join(staging, file), { recursive: true });
  await writeFile(join(staging, 'hauberk.js'), bundle.start.package);
  await mkdir(join(staging, 'lib'));
  for (const [part, code] of Object.entries(bundle.parts)) {
    await writeFile(join(staging, 'lib', `${part}.js`), code);
  }
  await writeFile(join(staging, 'THIRD-PARTY-LICENSES'), licenses);
  const own = Object.fromEntries(FIELDS.map((field) => [field, manifest[field]]));
  const { optionalDependencies } = manifest;
  const text = JSON.stringify({ ...own, optionalDependencies }, undefined, 2);
  await writeFile(join(staging, 'package.json'), `${text}\n`);
  run('npm', ['pack', '--silent', '--ignore-scripts'], { cwd: staging });
  const name = `${manifest.name}-${manifest.version}.tgz`;
  await rename(join(staging, name), join(folder, name));
  await rm(staging, { recursive: true });
  return name;
}
