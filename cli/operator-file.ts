import { readFileSync } from 'node:fs';
import { ConfigError } from '../common/config/config-error.ts';
import { systemErrorCode, systemReason } from '../common/errors.ts';

/** Reads a file that an operator names. @throws ConfigError `file-missing`, `file-unreadable` */
export function readOperatorFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw systemErrorCode(cause) === 'ENOENT'
      ? new ConfigError('file-missing', `there is no file ${file}`, { cause })
      : new ConfigError('file-unreadable', `${file} cannot be read: ${systemReason(cause)}`, {
          cause,
        });
  }
}
