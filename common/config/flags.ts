import { Command, CommanderError, Option } from 'commander';
import { type CommandSpec, flagName, variableName, type Setting } from './settings.ts';
import { ConfigError } from './config-error.ts';
import { didYouMean } from '../nearest-name.ts';

/** What the command line says, nothing of it checked yet. */
export type CommandLine =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'values';
      readonly values: ReadonlyMap<string, unknown>;
      readonly operands: readonly string[];
    };

/** Reads flags and operands. @throws ConfigError for what the command does not know */
export function parseCommandLine(spec: CommandSpec, argv: readonly string[]): CommandLine {
  let help = '';
  const command = build(spec).configureOutput({
    writeOut: (text) => void (help += text),
    writeErr: () => undefined,
  });
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help', text: help };
    throw translate(error, spec);
  }
  return {
    kind: 'values',
    values: new Map(Object.entries(command.opts<Record<string, unknown>>())),
    operands: command.args,
  };
}

function build(spec: CommandSpec): Command {
  const command = new Command(spec.name)
    .description(spec.summary)
    .allowExcessArguments(false)
    .configureHelp({ helpWidth: 100 })
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', helpNotes(spec))
    .exitOverride();
  for (const { name, description, many } of spec.operands ?? []) {
    command.argument(many === true ? `[${name}...]` : `<${name}>`, description);
  }
  const settings = Object.entries(spec.settings).filter(([, { form }]) => form !== 'secret');
  // Commander prints groups in the order of their first options.
  const byGroup = settings.toSorted(
    ([, one], [, other]) => Number(one.advanced ?? false) - Number(other.advanced ?? false),
  );
  for (const [key, setting] of byGroup) {
    const flag = flagName(key);
    const short = setting.letter === undefined ? '' : `-${setting.letter}, `;
    const taken = setting.form === 'switch' ? flag : `${short}${flag} <${setting.placeholder}>`;
    // Purpose, whether it is needed, default, environment variable.
    const repeated = setting.form === 'list' ? '; may be repeated' : '';
    const purpose = `${setting.description}${repeated}${defaultHelp(setting)}`;
    const option = new Option(taken, `${purpose} [${variableName(key)}]`);
    if (setting.form === 'list') {
      option.argParser((value: string, before?: string[]) => [...(before ?? []), value]);
    }
    if (setting.advanced) option.helpGroup('Advanced:');
    command.addOption(option);
    if (setting.form === 'switch') {
      command.addOption(new Option(`--no-${flag.slice(2)}`).hideHelp());
    }
    if (setting.formerly !== undefined) {
      command.addOption(new Option(`${flagName(setting.formerly)} <VALUE>`).hideHelp());
    }
  }
  if (spec.readsFile === true && !('config' in spec.settings)) {
    command.option('--config <FILE>', `YAML file with settings [${variableName('config')}]`);
  }
  return command;
}

/** Commander's messages would repeat the value of an unknown flag, which may be a secret. */
function translate(error: CommanderError, spec: CommandSpec): ConfigError {
  const [, named = ''] = /'(-{0,2}[^'= ]*)/.exec(error.message) ?? [];
  const hint = `see ${spec.name} --help`;
  switch (error.code) {
    case 'commander.unknownOption':
      return unknownFlag(named, spec);
    case 'commander.optionMissingArgument':
      return new ConfigError('flag-value-missing', `${named} needs a value`, { hint });
    case 'commander.missingArgument': {
      const message = `the ${named.toUpperCase()} is missing`;
      return new ConfigError('argument-missing', message, { hint });
    }
    default: {
      const message = 'expected flags and their values, got another word';
      return new ConfigError('argument-unexpected', message, { hint });
    }
  }
}

function unknownFlag(flag: string, spec: CommandSpec): ConfigError {
  const entries = Object.entries(spec.settings);
  const secret = entries.find(([key, { form }]) => form === 'secret' && flagName(key) === flag);
  if (secret !== undefined) {
    const [key] = secret;
    const file = `${key}File` in spec.settings ? ` or ${flagName(`${key}File`)}` : '';
    const sentence = `${flag} is not a flag, because every user of the machine can see the values of flags`;
    const hint = `give it as ${variableName(key)}${file}`;
    return new ConfigError('flag-unknown', sentence, { hint });
  }
  const known = entries.filter(([, { form }]) => form !== 'secret').map(([key]) => flagName(key));
  if (spec.readsFile === true) known.push('--config');
  return new ConfigError('flag-unknown', `there is no flag ${flag}`, {
    hint: didYouMean(flag, known, 1) ?? `see ${spec.name} --help`,
  });
}

/** What the help says of its default, after its description; it may be empty. */
export function defaultHelp({ form, type, defaultText }: Setting): string {
  if (defaultText !== undefined) return ` (default: ${defaultText})`;
  const fallback = type.safeParse(undefined);
  if (!fallback.success) return ' (required)';
  const { data } = fallback;
  const shown = form === 'value' && (typeof data === 'string' || typeof data === 'number');
  return shown ? ` (default: ${data})` : '';
}

/** What the help says after the flags: secrets, order of sources, examples, notes. */
function helpNotes(spec: CommandSpec): string {
  const secrets = Object.entries(spec.settings).filter(([, { form }]) => form === 'secret');
  const sources =
    spec.readsFile === true ? 'Flags win over the environment, which wins over the file. ' : '';
  const list = (title: string, lines: readonly string[] = []): string =>
    lines.length === 0 ? '' : [title, ...lines].join('\n');
  const sections = [
    list(
      'Environment only:',
      secrets.map(([key, { description }]) => `  ${variableName(key)}  ${description}`),
    ),
    `${sources}[…] is the environment variable for the flag.`,
    list(
      'Examples:',
      spec.examples?.map(({ line, purpose }) => `  # ${purpose}\n  ${line}`),
    ),
    ...(spec.notes ?? []),
  ];
  return `\n${sections.filter((section) => section !== '').join('\n\n')}`;
}
