import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { runCommand } from '../../common/config/run-command.ts';
import type { CommandSpec } from '../../common/config/settings.ts';
import { systemReason } from '../../common/errors.ts';
import { manPages } from '../manual/man-page.ts';
import type { CliContext } from '../cli-context.ts';
import { type Command, describeCommands } from '../command.ts';

const spec: CommandSpec = {
  name: 'hauberk manual',
  summary:
    'Writes the manual pages, one for each command and hauberk(1), into a folder, which is made if it is not there.',
  settings: {},
  operands: [{ name: 'dir', description: 'the folder, such as one named man1' }],
  examples: [
    {
      purpose: 'for man(1) of this user',
      line: 'hauberk manual ~/.local/share/man/man1 && man hauberk-proxy',
    },
  ],
};

/** `hauberk manual`, which has a page of each of these commands. */
export async function run(context: CliContext, commands: readonly Command[]): Promise<number> {
  return await runCommand(spec, context, async (_, [folder = '']) => {
    const pages = manPages(await describeCommands(commands, context));
    try {
      await mkdir(folder, { recursive: true });
      for (const { file, text } of pages) await writeFile(path.join(folder, file), text);
    } catch (cause) {
      const sentence = `the manual pages cannot be written into ${folder}: ${systemReason(cause)}`;
      throw new ConfigError('setting-invalid', sentence, { cause });
    }
    context.stdout.write(`${pages.length} manual pages are in ${folder}\n`);
    return EXIT_CODE.ok;
  });
}
