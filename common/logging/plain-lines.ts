import { destination } from 'pino';
import type { LogDestination } from './logger.ts';

/** Standard output. */
const STDOUT_FD = 1;

/** Takes lines in a format of their own, and writes them where those of the logger go, each as a whole. */
export function plainLines(): LogDestination {
  const stdout = destination({ dest: STDOUT_FD, sync: true });
  return { write: (line) => void stdout.write(line) };
}
