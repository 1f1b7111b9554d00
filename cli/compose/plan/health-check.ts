import type { PlainMap } from '../yaml/yaml-fields.ts';

/** Asks a port of the container itself; it is in the image (cli/health-check). */
const PROGRAM = '/opt/hauberk/cli/health-check';

/** A health check that asks an HTTP port of the container whether its program is ready. */
export function httpHealthCheck(port: number, path: string): PlainMap {
  return commandHealthCheck(PROGRAM, String(port), path);
}

/** A health check that runs a command which answers at once. */
export function commandHealthCheck(...command: readonly string[]): PlainMap {
  return { test: ['CMD', ...command], ...INTERVALS };
}

/**
 * Short enough that a start waits little, long enough that the checks of many containers cost
 * little. The first good answer counts; two minutes of bad ones keep what depends on it from
 * starting. A start_period would be checked less often by newer engines.
 */
const INTERVALS = { interval: '3s', timeout: '5s', retries: 40 };
