import type { CommandSpec } from './command-spec.ts';
import { variableName } from './settings.ts';
import type { Setting } from './settings.ts';

/** What the help says about a flag: purpose, whether it is needed, default, environment variable. */
export function optionHelp(key: string, setting: Setting): string {
  const repeated = setting.form === 'list' ? '; may be repeated' : '';
  return `${setting.description}${repeated}${defaultHelp(setting)} [${variableName(key)}]`;
}

function defaultHelp({ form, type, defaultText }: Setting): string {
  if (defaultText !== undefined) return ` (default: ${defaultText})`;
  const fallback = type.safeParse(undefined);
  if (!fallback.success) return ' (required)';
  const { data } = fallback;
  const shown = form === 'value' && (typeof data === 'string' || typeof data === 'number');
  return shown ? ` (default: ${data})` : '';
}

/** What the help says after the flags: secrets, order of sources, examples, notes. */
export function helpNotes(spec: CommandSpec): string {
  const secrets = Object.entries(spec.settings).filter(([, { form }]) => form === 'secret');
  const sources =
    spec.readsFile === true ? 'Flags win over the environment, which wins over the file. ' : '';
  const sections = [
    secrets.length > 0 &&
      [
        'Environment only:',
        ...secrets.map(([key, { description }]) => `  ${variableName(key)}  ${description}`),
      ].join('\n'),
    `${sources}[…] is the environment variable for the flag.`,
    spec.examples &&
      ['Examples:', ...spec.examples.map(({ line, purpose }) => `  # ${purpose}\n  ${line}`)].join(
        '\n',
      ),
    ...(spec.notes ?? []),
  ];
  return `\n${sections.filter((section) => typeof section === 'string').join('\n\n')}`;
}
