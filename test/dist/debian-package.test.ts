// What is in the package of Debian. That it can be installed, upgraded and removed, and that its units run under
// systemd, is for tools/test-debian-package.sh.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { makeDebianPackage } from '../../tools/dist/debian-package.ts';
import { prepareRelease } from '../../tools/dist/release.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** As Debian calls them. */
const ARCHITECTURES = { 'linux-x64': 'amd64', 'linux-arm64': 'arm64' } as const;

/** Made with a small file in place of the executable, which has a test of its own. */
async function makePackage(
  t: ExecutionContext,
  target: 'linux-x64' | 'linux-arm64' = 'linux-x64',
): Promise<string> {
  const folder = await temporaryDirectory();
  t.teardown(() => folder[Symbol.asyncDispose]());
  await writeFile(join(folder.path, 'hauberk'), '#!/bin/sh\n', { mode: 0o755 });
  const release = await prepareRelease(ROOT, folder.path);
  const name = (await makeDebianPackage(release, target, 'hauberk')) ?? '';
  t.is(name, `hauberk_${release.manifest.version}_${ARCHITECTURES[target]}.deb`);
  return join(folder.path, name);
}

requires('dpkg-deb')('two packages of the same sources are equal', async (t) => {
  const [one, other] = await Promise.all(
    [await makePackage(t), await makePackage(t)].map(async (deb) =>
      createHash('sha256')
        .update(await readFile(deb))
        .digest('hex'),
    ),
  );
  t.is(one, other);
});

for (const target of ['linux-x64', 'linux-arm64'] as const) {
  requires('dpkg-deb')(
    `for ${target} it has program, units, pages, completion, and an example that is kept`,
    async (t) => {
      const deb = await makePackage(t, target);
      const { stdout } = await run('dpkg-deb', ['--contents', deb]);
      const lines = stdout.trim().split('\n');
      t.true(lines.every((line) => line.split(/\s+/)[1] === 'root/root'));
      const files = new Set(lines.map((line) => line.split(/\s+/).at(-1)));
      for (const file of [
        'usr/bin/hauberk',
        'lib/systemd/system/hauberk-control-plane.service',
        'lib/systemd/system/hauberk-proxy@.service',
        'lib/systemd/system/hauberk-gateway@.service',
        'usr/share/man/man1/hauberk.1.gz',
        'usr/share/man/man1/hauberk-token-create.1.gz',
        'usr/share/bash-completion/completions/hauberk',
        'usr/share/doc/hauberk/THIRD-PARTY-LICENSES',
      ]) {
        t.true(files.has(`./${file}`), file);
      }
      const kept = await run('dpkg-deb', ['--info', deb, 'conffiles']);
      const architecture = await run('dpkg-deb', ['--field', deb, 'Architecture']);
      t.is(architecture.stdout, `${ARCHITECTURES[target]}\n`);
      t.is(kept.stdout, '/etc/hauberk/control-plane.yaml\n');
    },
  );
}

requires('dpkg-deb')('there is none for macOS', async (t) => {
  const release = await prepareRelease(ROOT, '/nowhere');
  t.is(await makeDebianPackage(release, 'darwin-arm64', 'hauberk'), undefined);
});

test('its units start programs with the memory that cli/hauberk gives them', async (t) => {
  const launcher = await readFile(join(ROOT, 'cli/hauberk'), 'utf8');
  const [, arenas = ''] =
    /export MALLOC_ARENA_MAX="\$\{MALLOC_ARENA_MAX:-(\d+)\}"/.exec(launcher) ?? [];
  for (const name of ['control-plane', 'gateway@', 'proxy@']) {
    const unit = await readFile(join(ROOT, `tools/dist/debian/hauberk-${name}.service`), 'utf8');
    t.regex(unit, new RegExp(`^Environment=MALLOC_ARENA_MAX=${arenas}$`, 'm'), name);
  }
});
