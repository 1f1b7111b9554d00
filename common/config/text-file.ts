import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { systemErrorCode, systemReason } from '../errors.ts';
import { ConfigError } from './config-error.ts';

/** What is read, as the beginning of a sentence, and how large it may be. */
export interface TextFile {
  /** E.g. `the configuration file`. */
  readonly what: string;
  readonly maxBytes: number;
}

/**
 * Reads a file of the configuration. A pipe or a device is no such file: reading it could wait for ever, and it
 * could not be read again.
 *
 * @throws ConfigError `file-missing`, `file-unreadable`, `file-malformed`
 */
export function readTextFile(path: string, { what, maxBytes }: TextFile): string {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(file);
    if (!stats.isFile()) throw unreadable(`${what} is not a file: ${path}`);
    if (stats.size > maxBytes) {
      const limit = `${maxBytes / (1024 * 1024)} MiB`;
      throw new ConfigError('file-malformed', `${what} is larger than ${limit}: ${path}`);
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    if (systemErrorCode(cause) !== 'ENOENT') {
      throw unreadable(`${what} ${path} cannot be read: ${systemReason(cause)}`, cause);
    }
    const hint = 'check the path';
    throw new ConfigError('file-missing', `${what} does not exist: ${path}`, { hint, cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function unreadable(sentence: string, cause?: unknown): ConfigError {
  const hint = 'check its permissions and that it is a file';
  return new ConfigError('file-unreadable', sentence, { hint, cause });
}
