import type { CommandSpec } from '../../common/config/settings.ts';
import type { CliContext } from '../cli-context.ts';
import type { DescribedCommand } from '../described-command.ts';
import type { Command } from './command-table.ts';

/** Asks each command what it takes; none of them does anything. */
export async function describeCommands(
  commands: readonly Command[],
  context: CliContext,
): Promise<readonly DescribedCommand[]> {
  const described = await Promise.all(
    commands.map(async ({ words, purpose, group, run }) => {
      const specs: CommandSpec[] = [];
      await run({ ...context, argv: [], describe: (spec) => specs.push(spec) });
      return specs.map((spec) => ({ words, purpose, group, spec }));
    }),
  );
  return described.flat();
}
