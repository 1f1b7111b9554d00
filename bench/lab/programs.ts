import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where programs are that no distribution has, each installed as its peer's `install` says. */
export const BENCH_CACHE = join(homedir(), '.cache/hauberk-bench');

const FOLDERS = [
  join(BENCH_CACHE, 'bin'),
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  join(homedir(), 'go/bin'),
  join(homedir(), '.local/bin'),
];

const named = new Map<string, string>();

/** Says where a program is that stands in no folder of programs. */
export function nameProgram(name: string, path: string): void {
  named.set(name, path);
}

/** The path of a program; undefined when the machine does not have it. A path stands for itself. */
export function findProgram(name: string): string | undefined {
  if (name.includes('/')) return name;
  const paths = FOLDERS.map((folder) => join(folder, name));
  return [named.get(name) ?? [], paths].flat().find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
