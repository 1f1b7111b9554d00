import type { Logger } from 'pino';
import { KNOWN_VARIABLES, OF_SCRIPTS } from './known-variables.ts';
import { variableName, VARIABLE_PREFIX, type SettingsTable } from './settings.ts';
import { nearestNames } from '../nearest-name.ts';

/** A setting under a wrong name: of none, which has no effect, or of one that has another name now. */
export interface SettingWarning {
  readonly event: 'variable-unknown' | 'setting-renamed';
  /** The name of the variable, the flag or the key. */
  readonly setting: string;
  /** Says so, and which name may have been meant; its value, which may be a secret, is not in it. */
  readonly sentence: string;
}

/** A former name that was used. */
export function settingRenamed(former: string, name: string): SettingWarning {
  const sentence = `${former} is called ${name} now; write that, the former name will go`;
  return { event: 'setting-renamed', setting: former, sentence };
}

/**
 * Variables of the environment that no command knows: typing errors, mostly, which would have no effect without
 * a word. Those of other commands are known, since several share an environment; empty ones are as if not set.
 *
 * @param own the settings of the command that runs, whose names are offered first
 */
export function unknownVariables(
  own: SettingsTable,
  env: Readonly<Record<string, string | undefined>>,
): SettingWarning[] {
  const mine = Object.keys(own).map(variableName);
  const known = new Set([...mine, ...KNOWN_VARIABLES]);
  return Object.entries(env)
    .filter(([variable, value]) => variable.startsWith(VARIABLE_PREFIX) && value)
    .filter(([variable]) => !known.has(variable) && !OF_SCRIPTS.test(variable))
    .map(([variable]) => {
      const near = nearest(variable, mine) ?? nearest(variable, KNOWN_VARIABLES);
      const hint = near === undefined ? 'see docs/configuration.md' : `did you mean ${near}?`;
      const sentence = `the variable ${JSON.stringify(variable).slice(1, -1)} is unknown and has no effect; ${hint}`;
      return { event: 'variable-unknown', setting: variable, sentence };
    });
}

/** By what follows the prefix: with it, all would be near. */
function nearest(variable: string, known: readonly string[]): string | undefined {
  const word = (name: string): string => name.slice(VARIABLE_PREFIX.length);
  const [near] = nearestNames(word(variable), known.map(word));
  return near === undefined ? undefined : `${VARIABLE_PREFIX}${near}`;
}

/** Tells of them in the log of a program. */
export function logSettingWarnings(
  logger: Pick<Logger, 'warn'>,
  warnings: readonly SettingWarning[],
): void {
  for (const { event, setting, sentence } of warnings) {
    if (event === 'variable-unknown') logger.warn({ event, variable: setting }, sentence);
    else logger.warn({ event, setting }, sentence);
  }
}
