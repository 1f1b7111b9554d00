import { HauberkError } from '../errors.ts';

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
