import {
  flagName,
  variableName,
  type CommandSpec,
  type Setting,
} from '../../common/config/settings.ts';
import { defaultHelp } from '../../common/config/flags.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import type { DescribedCommand } from '../command.ts';

/** A manual page: the name of its file, and its text in the language of man(7). */
export interface ManPage {
  readonly file: string;
  readonly text: string;
}

/** One page for each command, and hauberk(1), which lists them. */
export function manPages(commands: readonly DescribedCommand[]): readonly ManPage[] {
  return [overview(commands), ...commands.map(commandPage)];
}

function overview(commands: readonly DescribedCommand[]): ManPage {
  const listed = (group: DescribedCommand['group']): readonly string[] =>
    commands
      .filter((command) => command.group === group)
      .map(({ words, purpose }) => item(`${bold(pageName(words))}(1)`, purpose));
  return page('hauberk', 'mutual TLS between services, with certificates that renew themselves', [
    heading('SYNOPSIS'),
    `${bold('hauberk')} ${italic('COMMAND')} [${italic('FLAGS')}]`,
    ...section('COMMANDS THAT RUN', listed('Run')),
    ...section('COMMANDS THAT OPERATE', listed('Operate')),
    ...exitStatus(),
  ]);
}

function commandPage({ words, purpose, spec }: DescribedCommand): ManPage {
  const { settings, operands = [], examples = [], notes = [] } = spec;
  const entries = Object.entries(settings);
  const flags = entries.filter(([, { form }]) => form !== 'secret');
  const secrets = entries.filter(([, { form }]) => form === 'secret');
  const shown = (advanced: boolean): string[] =>
    flags
      .filter(([, one]) => (one.advanced ?? false) === advanced)
      .map(([key, one]) => flag(key, one));
  return page(pageName(words), purpose, [
    heading('SYNOPSIS'),
    synopsis(spec),
    heading('DESCRIPTION'),
    plain(spec.summary),
    ...section(
      'OPERANDS',
      operands.map(({ name, description }) => item(italic(name.toUpperCase()), description)),
    ),
    ...section('OPTIONS', [
      ...shown(false),
      ...configFlag(spec),
      item(bold('-h, --help'), 'show help'),
    ]),
    ...section('ADVANCED OPTIONS', shown(true)),
    ...section('ENVIRONMENT', [
      ...secrets.map(([key, { description }]) => item(bold(variableName(key)), description)),
      paragraph(
        `Each flag is also a variable: ${flagName('logLevel')} is ${variableName('logLevel')}.`,
      ),
    ]),
    ...section(
      'EXAMPLES',
      examples.map(({ line, purpose: why }) => example(line, why)),
    ),
    ...section('NOTES', notes.map(paragraph)),
    ...exitStatus(),
    heading('SEE ALSO'),
    `${bold('hauberk')}(1)`,
  ]);
}

function page(name: string, purpose: string, body: readonly string[]): ManPage {
  const title = `.TH ${name.toUpperCase().replaceAll('-', String.raw`\-`)} 1 "" "hauberk ${SOFTWARE_VERSION}" "Hauberk"`;
  const text = [
    title,
    heading('NAME'),
    `${escape(name)} ${String.raw`\-`} ${plain(purpose)}`,
    ...body,
  ];
  return { file: `${name}.1`, text: `${text.join('\n')}\n` };
}

function pageName(words: string): string {
  return `hauberk-${words.replaceAll(' ', '-')}`;
}

function synopsis({ name, operands = [] }: CommandSpec): string {
  const words = operands.map(({ name: operand, many }) =>
    many === true ? `[${italic(operand.toUpperCase())}...]` : italic(operand.toUpperCase()),
  );
  return [bold(name), `[${italic('FLAGS')}]`, ...words].join(' ');
}

function flag(key: string, setting: Setting): string {
  const { form, letter, placeholder, description } = setting;
  const short = letter === undefined ? '' : `-${letter}, `;
  const value = form === 'switch' ? '' : ` ${italic(placeholder)}`;
  const repeated = form === 'list' ? '; may be repeated' : '';
  return item(
    `${bold(short + flagName(key))}${value}`,
    description + repeated + defaultHelp(setting),
  );
}

function configFlag({ readsFile, settings }: CommandSpec): readonly string[] {
  if (readsFile !== true || 'config' in settings) return [];
  return [item(`${bold('--config')} ${italic('FILE')}`, 'YAML file with settings')];
}

/** docs/exit-codes.md says more. */
const EXIT_STATUS = [
  [EXIT_CODE.ok, 'done'],
  [EXIT_CODE.failed, 'failed'],
  [EXIT_CODE.usage, 'wrong usage or configuration, or a port that is in use'],
  [EXIT_CODE.unreachable, 'the control plane could not be reached'],
  [EXIT_CODE.networkLost, 'the network namespace of a sidecar is gone'],
] as const;

function exitStatus(): readonly string[] {
  return [
    heading('EXIT STATUS'),
    ...EXIT_STATUS.map(([code, meaning]) => item(bold(String(code)), meaning)),
  ];
}

function section(title: string, lines: readonly string[]): readonly string[] {
  const [first, ...others] = lines;
  if (first === undefined) return [];
  // A heading begins a paragraph itself.
  return [heading(title), first.replace(/^\.PP\n/, ''), ...others];
}

function heading(title: string): string {
  return `.SH ${title}`;
}

function item(term: string, explanation: string): string {
  return `.TP\n${term}\n${plain(explanation)}`;
}

function paragraph(text: string): string {
  return `.PP\n${plain(text)}`;
}

function example(line: string, purpose: string): string {
  return `.PP\n${plain(purpose)}:\n.PP\n.RS 4\n.EX\n${line.split('\n').map(plain).join('\n')}\n.EE\n.RE`;
}

function bold(text: string): string {
  return String.raw`\fB${escape(text)}\fR`;
}

function italic(text: string): string {
  return String.raw`\fI${escape(text)}\fR`;
}

/** A line of text; one that begins with a dot or an apostrophe would be a request. */
function plain(text: string): string {
  return escape(text).replace(/^(?=[.'])/, String.raw`\&`);
}

function escape(text: string): string {
  return text.replaceAll('\\', String.raw`\e`).replaceAll('-', String.raw`\-`);
}
