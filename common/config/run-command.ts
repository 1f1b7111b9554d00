import { describeError, HauberkError } from '../errors.ts';
import { redact } from '../redact.ts';
import type { CommandSpec, SettingsOf, SettingsTable } from './settings.ts';
import { EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { readSettings, type Environment } from './read-settings.ts';
import { unknownVariables, type SettingWarning } from './setting-warnings.ts';

/** Where text for people goes. */
export interface TextOutput {
  write(text: string): unknown;
}

/** What a command is run with. */
export interface CommandContext {
  /** The words after the command's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  /** Where it is given, the command tells what it takes, and does nothing. */
  readonly describe?: (spec: CommandSpec) => void;
}

/** Does what was asked; resolves with the exit code. Warnings are those that its log has to tell. */
export type CommandAction<Table extends SettingsTable> = (
  settings: SettingsOf<Table>,
  operands: readonly string[],
  warnings: readonly SettingWarning[],
) => Promise<number>;

/**
 * Runs a command from its arguments to its exit code. Whatever is thrown ends as one sentence on
 * standard error, without secrets and without a stack trace.
 */
export async function runCommand<Table extends SettingsTable>(
  spec: CommandSpec<Table>,
  { argv, env, stdout, stderr, describe }: CommandContext,
  action: CommandAction<Table>,
): Promise<number> {
  if (describe !== undefined) {
    describe(spec);
    return EXIT_CODE.ok;
  }
  let warnings: readonly SettingWarning[] = unknownVariables(spec.settings, env);
  const warn = (): void => {
    for (const warning of warnings) stderr.write(`${spec.name}: warning: ${warning.sentence}\n`);
    warnings = [];
  };
  try {
    const request = readSettings(spec, argv, env);
    if (request.kind === 'help') {
      stdout.write(request.text);
      return EXIT_CODE.ok;
    }
    warnings = [...warnings, ...request.warnings];
    const logged = spec.hasLog === true ? warnings : [];
    if (logged.length === 0) warn();
    warnings = [];
    return await action(request.settings, request.operands, logged);
  } catch (error) {
    // A setting that is missing may be the one whose name is wrong.
    warn();
    stderr.write(`${spec.name}: ${sentence(error)}\n`);
    return exitCodeOf(error);
  }
}

/** The one line that tells a person what went wrong. */
function sentence(error: unknown): string {
  const unexpected = error instanceof HauberkError ? '' : 'unexpected error: ';
  return redact(`${unexpected}${describeError(error)}`).replace(/\s*\n\s*/g, ' ');
}
