import type { CommandSpec } from '../common/config/settings.ts';
import type { CliContext } from './cli-context.ts';

/** A command by the words that are typed for it. */
export interface NamedCommand {
  /** `token create` */
  readonly words: string;
  /** What it does, for the list of commands: a few words. */
  readonly purpose: string;
  /** Under which heading it is listed. */
  readonly group: 'Run' | 'Operate';
}

/** A command that can be run. */
export interface Command extends NamedCommand {
  /** Does it, with what follows the words; resolves with the exit code. */
  run(context: CliContext): Promise<number>;
}

/** A command with what it says about itself. */
export interface DescribedCommand extends NamedCommand {
  readonly spec: CommandSpec;
}

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
