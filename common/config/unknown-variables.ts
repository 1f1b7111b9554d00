import type { Logger } from 'pino';
import { KNOWN_VARIABLES, OF_SCRIPTS } from './known-variables.ts';
import type { Environment } from './read-settings.ts';
import { variableName, VARIABLE_PREFIX, type SettingsTable } from './settings.ts';
import { nearestName } from '../nearest-name.ts';

/** A variable that looks like a setting and is none. */
export interface UnknownVariable {
  readonly variable: string;
  /** Says so, and which one may have been meant; its value, which may be a secret, is not in it. */
  readonly sentence: string;
}

/**
 * Variables of the environment that no command knows: typing errors, mostly, which would have no effect without
 * a word. Those of other commands are known, since several share an environment; empty ones are as if not set.
 *
 * @param own the settings of the command that runs, whose names are offered first
 */
export function unknownVariables(own: SettingsTable, env: Environment): UnknownVariable[] {
  const mine = Object.keys(own).map(variableName);
  const known = new Set([...mine, ...KNOWN_VARIABLES]);
  return Object.entries(env)
    .filter(([variable, value]) => variable.startsWith(VARIABLE_PREFIX) && value)
    .filter(([variable]) => !known.has(variable) && !OF_SCRIPTS.test(variable))
    .map(([variable]) => {
      const near = nearest(variable, mine) ?? nearest(variable, KNOWN_VARIABLES);
      const hint = near === undefined ? 'see docs/configuration.md' : `did you mean ${near}?`;
      const sentence = `the variable ${JSON.stringify(variable).slice(1, -1)} is unknown and has no effect; ${hint}`;
      return { variable, sentence };
    });
}

/** By what follows the prefix: with it, all would be near. */
function nearest(variable: string, known: readonly string[]): string | undefined {
  const word = (name: string): string => name.slice(VARIABLE_PREFIX.length);
  const near = nearestName(word(variable), known.map(word));
  return near === undefined ? undefined : `${VARIABLE_PREFIX}${near}`;
}

/** Tells of them in the log of a program. */
export function logUnknownVariables(
  logger: Pick<Logger, 'warn'>,
  unknown: readonly UnknownVariable[],
): void {
  for (const { variable, sentence } of unknown) {
    logger.warn({ event: 'variable-unknown', variable }, sentence);
  }
}
