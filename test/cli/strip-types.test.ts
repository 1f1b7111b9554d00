// The sources as they are, installed by npm: below a folder node_modules, where Node.js strips no types.
import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

test('what npm pack makes of the sources runs where npm installs it', async (t) => {
  await using folder = await temporaryDirectory();
  const home = join(folder.path, 'node_modules/hauberk');
  await mkdir(home, { recursive: true });
  const to = ['--pack-destination', folder.path];
  const packed = await run('npm', ['pack', '--silent', '--ignore-scripts', ...to], { cwd: ROOT });
  const tarball = join(folder.path, packed.stdout.trim());
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', home]);
  await symlink(join(ROOT, 'node_modules'), join(home, 'node_modules'));
  const program = join(home, 'cli/hauberk');
  const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
  const { stdout, stderr } = await run(program, ['version'], { env, cwd: '/' });
  t.regex(stdout, /^hauberk \d+\.\d+\.\d+ \(Node\.js \d/);
  t.is(stderr, '');
  const help = await run(program, ['control-plane', '--help'], { env, cwd: '/' });
  t.regex(help.stdout, /^Usage: hauberk control-plane/);
});
