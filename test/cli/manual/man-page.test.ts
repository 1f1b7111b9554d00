// The manual pages, held against mandoc's linter and against what --help says.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { COMMANDS } from '../../../cli/command-table.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** A date would make two builds of the same sources differ; long lines are those of examples. */
const EXPECTED_REMARKS = /missing date|input text line longer than 80 bytes/;

requires('mandoc')(
  'every command has a page, which is well formed and says what its help says',
  async (t) => {
    await using directory = await temporaryDirectory();
    const folder = path.join(directory.path, 'man1');
    const { code, stdout, stderr } = await runHauberk(['manual', folder]);
    t.is(code, 0, stderr);
    const pages = readdirSync(folder);
    t.is(stdout, `${pages.length} manual pages are in ${folder}\n`);
    const expected = COMMANDS.map(({ words }) => `hauberk-${words.replaceAll(' ', '-')}.1`);
    t.deepEqual(pages.toSorted(), ['hauberk.1', ...expected].toSorted());
    for (const page of pages) {
      t.deepEqual(lint(path.join(folder, page)), [], page);
    }
    const words = (await runHauberk(['proxy', 'init-netns', '--help'])).stdout;
    const flags = words.match(/--[a-z-]{3,}/g) ?? [];
    t.true(flags.length > 5);
    const shown = execFileSync(
      'mandoc',
      ['-T', 'utf8', path.join(folder, 'hauberk-proxy-init-netns.1')],
      { encoding: 'utf8' },
    );
    const text = shown.replaceAll(/.\x08/g, '');
    for (const one of flags) t.true(text.includes(one), one);
  },
);

test('a folder that cannot be made is one sentence', async (t) => {
  await using directory = await temporaryDirectory();
  const file = path.join(directory.path, 'file');
  writeFileSync(file, '');
  const { code, stderr } = await runHauberk(['manual', path.join(file, 'man1')]);
  t.is(code, 2);
  t.is(
    stderr,
    `hauberk manual: the manual pages cannot be written into ${file}/man1: not a directory (ENOTDIR)\n`,
  );
});

function lint(file: string): string[] {
  try {
    execFileSync('mandoc', ['-T', 'lint', '-W', 'warning', file], {
      stdio: 'pipe',
      encoding: 'utf8',
    });
    return [];
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    const remarks = `${stdout}${stderr}`.split('\n');
    return remarks.filter((line) => line !== '' && !EXPECTED_REMARKS.test(line));
  }
}
