import {
  type CommandSpec,
  flagName,
  variableName,
  type Setting,
  type SettingsOf,
  type SettingsTable,
} from './settings.ts';
import { ConfigError } from './config-error.ts';
import { readConfigFile, type FileValue } from './file.ts';
import { parseCommandLine } from './flags.ts';
import { settingRenamed, type SettingWarning } from './setting-warnings.ts';
import { didYouMean } from '../nearest-name.ts';

/** The environment; passed in, since only main files read the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command was asked to do. */
export type Request<Table extends SettingsTable> =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly settings: SettingsOf<Table>;
      readonly operands: readonly string[];
      /** Former names of settings that were used. */
      readonly warnings: readonly SettingWarning[];
    };

/** A raw value and the name of where it came from, for messages. */
interface Raw {
  readonly value: unknown;
  readonly origin: string;
  /** The former name that was used, and the one to write. */
  readonly renamed?: SettingWarning;
}

/**
 * Reads a command's settings from flags, then environment, then the file: the first that has a value
 * wins.
 *
 * @throws ConfigError that names the setting, where it came from, and what was expected
 */
export function readSettings<Table extends SettingsTable>(
  spec: CommandSpec<Table>,
  argv: readonly string[],
  env: Environment,
): Request<Table> {
  const line = parseCommandLine(spec, argv);
  if (line.kind === 'help') return line;
  const file = spec.readsFile === true ? openFile(spec, line.values, env) : new Map();
  const warnings: SettingWarning[] = [];
  const settings = Object.fromEntries(
    Object.entries(spec.settings).map(([key, setting]) => {
      const raw = find(key, setting, { flags: line.values, env, file });
      if (raw?.renamed !== undefined) warnings.push(raw.renamed);
      return [key, readOne(key, setting, raw, spec)];
    }),
  );
  const { operands } = line;
  return { kind: 'run', settings: settings as SettingsOf<Table>, operands, warnings };
}

/** Where settings are read from. */
interface Sources {
  readonly flags: ReadonlyMap<string, unknown>;
  readonly env: Environment;
  readonly file: ReadonlyMap<string, FileValue>;
}

/** The first source that has a value wins, under the name of today or the former one. */
function find(key: string, setting: Setting, { flags, env, file }: Sources): Raw | undefined {
  const sources = [
    { read: (name: string) => rawOf(flags.get(name), flagName(name)), nameOf: flagName },
    { read: (name: string) => fromEnvironment(name, setting, env), nameOf: variableName },
    { read: (name: string) => fromFile(name, file.get(name)), nameOf: (name: string) => name },
  ];
  for (const { read, nameOf } of sources) {
    const raw = read(key);
    if (raw !== undefined) return raw;
    const former = setting.formerly === undefined ? undefined : read(setting.formerly);
    if (former !== undefined) {
      return { ...former, renamed: settingRenamed(nameOf(setting.formerly ?? key), nameOf(key)) };
    }
  }
  return undefined;
}

function openFile(
  spec: CommandSpec,
  flags: ReadonlyMap<string, unknown>,
  env: Environment,
): ReadonlyMap<string, FileValue> {
  const path = flags.get('config') ?? env[variableName('config')];
  if (typeof path !== 'string' || path === '') return new Map();
  const file = readConfigFile(path);
  const settings = Object.keys(spec.settings).filter(
    (key) => key !== 'config' && spec.settings[key]?.form !== 'secret',
  );
  const former = new Set(Object.values(spec.settings).map(({ formerly }) => formerly));
  const known = [...settings, ...(spec.fileSections ?? [])];
  for (const [key, { place }] of file) {
    if (known.includes(key) || former.has(key)) continue;
    const secret = spec.settings[key]?.form === 'secret';
    const hint = didYouMean(key, known, 1) ?? `see ${spec.name} --help`;
    throw new ConfigError('key-unknown', `${place} has the unknown key ${JSON.stringify(key)}`, {
      hint: secret ? `a secret is given as ${variableName(key)}` : hint,
    });
  }
  return file;
}

function rawOf(value: unknown, origin: string): Raw | undefined {
  return value === undefined || value === null ? undefined : { value, origin };
}

function fromEnvironment(key: string, { form }: Setting, env: Environment): Raw | undefined {
  const origin = variableName(key);
  // Compose passes variables on that are empty because they are not set.
  const value = env[origin] || undefined;
  return rawOf(form === 'list' ? value?.split(',') : value, origin);
}

function fromFile(key: string, found: FileValue | undefined): Raw | undefined {
  return rawOf(found?.value, `${key} (${found?.place ?? ''})`);
}

function readOne(
  key: string,
  setting: Setting,
  given: Raw | undefined,
  { readsFile }: CommandSpec,
): unknown {
  const raw = given && setting.byCommas ? { ...given, value: byCommas(given.value) } : given;
  if (raw !== undefined && setting.form === 'list' && !Array.isArray(raw.value)) {
    throw new ConfigError('setting-invalid', `${raw.origin}: expected a list`, {
      hint: 'write each value on a line of its own that begins with "- "',
    });
  }
  const result = setting.type.safeParse(raw?.value);
  if (result.success) return result.data;
  if (raw === undefined) {
    const flag = setting.form === 'secret' ? '' : `${flagName(key)} ${setting.placeholder} or `;
    // The file cannot say where it is.
    const file = readsFile === true && key !== 'config' ? `, or ${key} in the file` : '';
    throw new ConfigError('setting-missing', `the ${setting.description} is missing`, {
      hint: `give it with ${flag}${variableName(key)}${file}`,
    });
  }
  const [issue] = result.error.issues;
  const detail = setting.form === 'secret' ? 'the value does not fit' : issue?.message;
  throw new ConfigError('setting-invalid', `${raw.origin}: ${detail ?? 'the value does not fit'}`);
}

/** A list of what stands between commas. */
function byCommas(value: unknown): unknown {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.flatMap((one) => (typeof one === 'string' ? one.split(',') : [one]));
}
