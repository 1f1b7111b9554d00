import { describeError, HauberkError } from '../errors.ts';

/** What is wrong with the configuration. */
export type ConfigErrorCode =
  | 'flag-unknown'
  | 'flag-value-missing'
  | 'argument-missing'
  | 'argument-unexpected'
  | 'command-unknown'
  | 'setting-missing'
  | 'setting-invalid'
  | 'key-unknown'
  | 'file-missing'
  | 'file-unreadable'
  | 'file-malformed'
  | 'value-malformed'
  | 'descriptors-too-few';

/** The configuration cannot be used; the message names the setting and where it came from. */
export class ConfigError extends HauberkError<ConfigErrorCode> {}

/** What is shown at once; the rest is usually the same mistake. */
const MAX_MISTAKES = 20;

/** All mistakes in one error, so that they can be mended in one go: one stays as it is. */
export function allMistakes([first, ...others]: readonly [
  ConfigError,
  ...ConfigError[],
]): ConfigError {
  const sentences = [...new Set([first, ...others].map(describeError))];
  if (sentences.length === 1) return first;
  const shown = sentences.slice(0, MAX_MISTAKES).join('; and ');
  const more = sentences.length - MAX_MISTAKES;
  const rest = more > 0 ? `; and ${more} mistakes more` : '';
  return new ConfigError(first.code, `${shown}${rest}`, { cause: first });
}

/** A sentence as the end of another one. */
export function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
