import { z } from 'zod';
import { flag, type ValueType } from './values.ts';

/**
 * One setting of a command. Declared once, it is a flag, an environment variable and a key of the
 * configuration file:
 *
 *     export const proxySettings = {
 *       service: setting(label, { description: 'service that this sidecar serves', placeholder: 'NAME' }),
 *       drainTimeout: setting(durationSeconds({ min: 0, max: 3600 }).default(30), { … }),
 *       stateDir: setting(filePath.optional(), { … }),
 *       upstream: listSetting(upstream, { … }),
 *       token: secretSetting(text.optional(), { … }),
 *     };
 *     type ProxySettings = SettingsOf<typeof proxySettings>;
 *
 * `drainTimeout` is the flag `--drain-timeout`, the variable `HAUBERK_DRAIN_TIMEOUT` and the key
 * `drainTimeout`. A type with neither default nor `optional()` must be given.
 */
export interface Setting<Value = unknown> {
  readonly type: z.ZodType<Value>;
  /**
   * - `value`: a flag with a value
   * - `list`: a flag that may be repeated; a list in the file, separated by commas in the environment
   * - `switch`: a flag without a value
   * - `secret`: never a flag, whose value every user of the machine could see, and never in the file
   */
  readonly form: 'value' | 'list' | 'switch' | 'secret';
  /** For a list: a value with commas is several, wherever it comes from, and the file may have one without a list. */
  readonly byCommas?: true;
  /** What it is for: a phrase in lower case, without a full stop. */
  readonly description: string;
  /** Placeholder of the value in the help, e.g. `SECONDS`. */
  readonly placeholder: string;
  /** The letter that is its short flag, as in `-f`. */
  readonly letter?: string;
  /** How the help writes the default, where that is not the value itself. */
  readonly defaultText?: string;
  /** Its default fits almost every use: help and docs list it apart from the others. */
  readonly advanced?: true;
  /** The key that it had before; accepted still, with a warning. */
  readonly formerly?: string;
}

/** How a setting is explained. */
export type SettingDocs = Pick<
  Setting,
  'description' | 'placeholder' | 'defaultText' | 'letter' | 'advanced' | 'formerly'
>;

/** The settings of a command by their key. */
export type SettingsTable = Readonly<Record<string, Setting>>;

/** What reading a table of settings gives. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Key in keyof Table]: z.output<Table[Key]['type']>;
};

/** A setting with one value. */
export function setting<Value>(type: ValueType<Value>, docs: SettingDocs): Setting<Value> {
  return { ...docs, type, form: 'value' };
}

/** A setting with any number of values; empty when it is not given. */
export function listSetting<Value>(
  item: ValueType<Value>,
  docs: SettingDocs,
): Setting<readonly Value[]> {
  return { ...docs, type: z.array(item).default([]), form: 'list' };
}

/** One or several values, as in `a,b`; at least one. */
export function severalSetting<Value>(
  item: ValueType<Value>,
  fallback: Value,
  docs: SettingDocs,
): Setting<readonly Value[]> {
  const type = z.array(item).min(1, 'expected at least one').default([fallback]);
  return { ...docs, type, form: 'list', byCommas: true };
}

/** Something that is off unless it is asked for; `--no-…` takes back what the file says. */
export function switchSetting(docs: Pick<SettingDocs, 'description'>): Setting<boolean> {
  return { ...docs, placeholder: '', type: flag.default(false), form: 'switch' };
}

/** A secret, which comes from the environment alone. */
export function secretSetting<Value>(
  type: ValueType<Value>,
  docs: Pick<SettingDocs, 'description'>,
): Setting<Value> {
  return { ...docs, placeholder: '', type, form: 'secret' };
}

/** `drainTimeout` as a flag: `--drain-timeout`. */
export function flagName(key: string): string {
  return `--${words(key).join('-').toLowerCase()}`;
}

/** What all variables of settings begin with. */
export const VARIABLE_PREFIX = 'HAUBERK_';

/** `drainTimeout` in the environment: `HAUBERK_DRAIN_TIMEOUT`. */
export function variableName(key: string): string {
  return `${VARIABLE_PREFIX}${words(key).join('_').toUpperCase()}`;
}

function words(key: string): string[] {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter}`).split(' ');
}

/** A word after the flags. */
export interface Operand {
  readonly name: string;
  readonly description: string;
  /** The last one: any number of them, none included. */
  readonly many?: true;
  /** The words that it can be. */
  readonly choices?: readonly string[];
}

/** What a command is called, takes and tells about itself. */
export interface CommandSpec<Table extends SettingsTable = SettingsTable> {
  /** As it is typed: `hauberk proxy`. */
  readonly name: string;
  /** What it does: one or a few sentences. */
  readonly summary: string;
  readonly settings: Table;
  readonly operands?: readonly Operand[];
  /** Whether `--config FILE` is taken; the file may also be a setting of its own, which names it. */
  readonly readsFile?: boolean;
  /** Top-level keys of the file that are no settings: the command reads them itself. */
  readonly fileSections?: readonly string[];
  /** Command lines with what each is for; the help shows them. */
  readonly examples?: readonly { readonly line: string; readonly purpose: string }[];
  /** Whether the command has a log, in which it says itself what there is to warn of. */
  readonly hasLog?: boolean;
  /** More paragraphs at the end of the help. */
  readonly notes?: readonly string[];
}
