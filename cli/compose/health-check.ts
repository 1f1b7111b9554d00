import type { PlainMap } from './yaml-fields.ts';

/**
 * A health check that asks an HTTP port of the container itself whether it is ready.
 *
 * It runs for as long as the container does, so it starts no Node.js: bash, which the image has,
 * opens the connection. `$$` is how Compose writes a dollar sign.
 */
export function httpHealthCheck(port: number, path: string): PlainMap {
  const script = [
    `exec 3<>/dev/tcp/127.0.0.1/${port}`,
    `printf 'GET ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3`,
    `read -r _ code _ <&3`,
    `test "$$code" = 200`,
  ].join(' && ');
  return { test: ['CMD', 'bash', '-c', script], ...PATIENCE };
}

/** A health check that runs a command which answers at once. */
export function commandHealthCheck(...command: readonly string[]): PlainMap {
  return { test: ['CMD', ...command], ...PATIENCE };
}

/**
 * Short enough that a start waits little, long enough that the checks of many containers cost
 * little. The first good answer counts; two minutes of bad ones keep what depends on it from
 * starting. A start_period would be checked less often by newer engines.
 */
const PATIENCE = { interval: '3s', timeout: '5s', retries: 40 };
