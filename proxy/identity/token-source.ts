import { readFile } from 'node:fs/promises';
import { ConfigError } from '../../common/config/config-error.ts';
import { systemErrorCode, systemReason } from '../../common/errors.ts';

/** Where the join token comes from. It is asked at every try: a file may be rewritten meanwhile. */
export interface TokenSource {
  /** For messages: the path of the file, or the name of the variable. */
  readonly origin: string;
  /** The token as it is now; undefined while there is none. */
  read(): Promise<string | undefined>;
}

/** A token that was given itself. */
export function fixedToken(origin: string, token: string): TokenSource {
  return { origin, read: async () => token };
}

/**
 * A token in a file, which may come later and change. An empty file is one that is being written.
 *
 * `read` throws ConfigError `file-unreadable` when there is a file that may not be read.
 */
export function tokenInFile(path: string): TokenSource {
  return {
    origin: path,
    async read() {
      try {
        return (await readFile(path, 'utf8')).trim() || undefined;
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        const sentence = `the token file ${path} cannot be read: ${systemReason(error)}`;
        const hint = 'check that it is a file, and that the user of the sidecar may read it';
        throw new ConfigError('file-unreadable', sentence, { hint, cause: error });
      }
    },
  };
}
