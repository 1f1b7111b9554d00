import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from '../errors.ts';

/**
 * Makes a directory and those above it that are missing.
 *
 * `mkdir` with `recursive` in Node.js never ends where a parent exists but takes no children, as in
 * `/proc`: it takes ENOENT for a missing parent again and again.
 *
 * @returns the topmost directory that was made; undefined when it was there already
 * @throws the file system's error
 */
export function makeDirectory(path: string, mode: number): string | undefined {
  const directory = resolve(path);
  try {
    mkdirSync(directory, { mode });
    return directory;
  } catch (error) {
    // Also when it is a file: using it as a directory fails.
    if (systemErrorCode(error) === 'EEXIST') return undefined;
    const parent = dirname(directory);
    if (systemErrorCode(error) !== 'ENOENT' || existsSync(parent)) throw error;
    const topmost = makeDirectory(parent, mode);
    mkdirSync(directory, { mode });
    return topmost ?? directory;
  }
}
