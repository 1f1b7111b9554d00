import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { runCommand } from '../../common/config/run-command.ts';
import type { CommandSpec } from '../../common/config/settings.ts';
import { bashCompletion } from '../completion/bash.ts';
import { completedCommands, nextWords } from '../completion/completed-words.ts';
import { fishCompletion } from '../completion/fish.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { CliContext } from '../cli-context.ts';
import { type Command, describeCommands } from '../command.ts';

const SHELLS = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
]);

const spec: CommandSpec = {
  name: 'hauberk completion',
  summary:
    'Prints the script with which a shell completes commands, flags, their words and files: bash, zsh or fish.',
  settings: {},
  operands: [{ name: 'shell', description: 'bash, zsh or fish', choices: [...SHELLS.keys()] }],
  examples: [
    { purpose: 'in this bash', line: 'source <(hauberk completion bash)' },
    {
      purpose: 'in every zsh, from a folder of $fpath',
      line: 'hauberk completion zsh > ~/.zfunc/_hauberk',
    },
    {
      purpose: 'in every fish',
      line: 'hauberk completion fish > ~/.config/fish/completions/hauberk.fish',
    },
  ],
};

/** `hauberk completion`, which completes these commands. */
export async function run(context: CliContext, commands: readonly Command[]): Promise<number> {
  return await runCommand(spec, context, async (_, [shell = '']) => {
    const write = SHELLS.get(shell);
    if (write === undefined) {
      const sentence = `expected bash, zsh or fish, got ${JSON.stringify(shell)}`;
      throw new ConfigError('argument-unexpected', sentence, {
        hint: 'see hauberk completion --help',
      });
    }
    const described = await describeCommands(commands, context);
    context.stdout.write(write(completedCommands(described), nextWords(described)));
    return EXIT_CODE.ok;
  });
}
