import { chmod, cp, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { globSync, lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Release } from './release.ts';
import { run } from './run.ts';
import { TARGETS, type Target } from './target.ts';

const UNITS = ['hauberk-control-plane', 'hauberk-proxy@', 'hauberk-gateway@'] as const;

/** What the executable needs: the glibc that Node.js is built for. */
const DEPENDS = 'libc6 (>= 2.28), libstdc++6, libgcc-s1, libatomic1';

const SHELLS = {
  bash: 'usr/share/bash-completion/completions/hauberk',
  zsh: 'usr/share/zsh/vendor-completions/_hauberk',
  fish: 'usr/share/fish/vendor_completions.d/hauberk.fish',
} as const;

/**
 * Makes a package of Debian: the executable, units of systemd, manual pages, completion, and an example
 * configuration that an upgrade keeps. All times in it are those of the release.
 *
 * @param executable its name in the folder of the release
 * @returns the name of the file in the folder of the release, or undefined for a target without Debian
 */
export async function makeDebianPackage(
  release: Release,
  target: Target,
  executable: string,
): Promise<string | undefined> {
  const { debian } = TARGETS[target];
  if (debian === undefined) return undefined;
  const { folder, manifest } = release;
  const epochSeconds = release.epochSeconds();
  const staging = await mkdtemp(join(folder, 'debian-'));
  try {
    const tree = join(staging, 'root');
    await fill(tree, release, executable);
    await writeGenerated(tree, staging, release);
    await writeControl(tree, release, debian);
    // Of what is in it, the modes do not depend on the umask, and the times not on now.
    for (const path of globSync('**', { cwd: tree }).map((name) => join(tree, name))) {
      const stat = lstatSync(path);
      const enterable = stat.isDirectory() || (stat.mode & 0o100) !== 0;
      await chmod(path, enterable ? 0o755 : 0o644);
      await utimes(path, epochSeconds, epochSeconds);
    }
    const name = `${manifest.name}_${manifest.version}_${debian}.deb`;
    const build = ['--root-owner-group', '-Zxz', '-z3', '--build', tree, join(folder, name)];
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(epochSeconds) };
    run('dpkg-deb', build, { env });
    return name;
  } finally {
    await rm(staging, { recursive: true });
  }
}

/** Copies what is there already. */
async function fill(tree: string, release: Release, executable: string): Promise<void> {
  const { root, folder } = release;
  const place = async (from: string, to: string): Promise<void> => {
    await mkdir(dirname(join(tree, to)), { recursive: true });
    await cp(from, join(tree, to));
  };
  await place(join(folder, executable), 'usr/bin/hauberk');
  const own = join(root, 'tools/dist/debian');
  for (const unit of UNITS) {
    await place(join(own, `${unit}.service`), `lib/systemd/system/${unit}.service`);
  }
  await place(join(own, 'control-plane.yaml'), 'etc/hauberk/control-plane.yaml');
  for (const room of ['proxy', 'gateway']) {
    await mkdir(join(tree, 'etc/hauberk', room), { recursive: true });
  }
  await place(join(root, 'LICENSE'), 'usr/share/doc/hauberk/copyright');
  await place(join(root, 'CHANGELOG.md'), 'usr/share/doc/hauberk/CHANGELOG.md');
  await writeFile(join(tree, 'usr/share/doc/hauberk/THIRD-PARTY-LICENSES'), release.licenses);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    await place(join(own, script), `DEBIAN/${script}`);
    await chmod(join(tree, 'DEBIAN', script), 0o755);
  }
}

/** What the program writes about itself. The bundle is asked, since an executable of another machine cannot be. */
async function writeGenerated(tree: string, staging: string, release: Release): Promise<void> {
  const script = join(staging, 'hauberk.mjs');
  await writeFile(script, release.bundle.parts.everything);
  const ask = (...args: string[]): string => run(process.execPath, [script, ...args]);
  const manual = join(tree, 'usr/share/man/man1');
  ask('manual', manual);
  const pages = globSync('*', { cwd: manual }).map((page) => join(manual, page));
  // Without its name and time, which would be those of now.
  run('gzip', ['-9', '--no-name', ...pages]);
  for (const [shell, file] of Object.entries(SHELLS)) {
    await mkdir(dirname(join(tree, file)), { recursive: true });
    await writeFile(join(tree, file), ask('completion', shell));
  }
}

async function writeControl(tree: string, release: Release, architecture: string): Promise<void> {
  const { manifest } = release;
  const sizes = globSync('{usr,etc,lib}/**', { cwd: tree }).map((file) => {
    const stat = lstatSync(join(tree, file));
    return stat.isFile() ? stat.size : 0;
  });
  const kibibytes = Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1024);
  const control = [
    `Package: ${manifest.name}`,
    `Version: ${manifest.version}`,
    `Architecture: ${architecture}`,
    'Maintainer: The Hauberk maintainers <hauberk@localhost>',
    `Installed-Size: ${kibibytes}`,
    `Depends: ${DEPENDS}`,
    'Recommends: nftables, iproute2',
    'Section: net',
    'Priority: optional',
    `Description: ${manifest.description}`,
  ];
  await writeFile(join(tree, 'DEBIAN/control'), `${control.join('\n')}\n`);
  await writeFile(join(tree, 'DEBIAN/conffiles'), '/etc/hauberk/control-plane.yaml\n');
}
