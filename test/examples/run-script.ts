import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { within } from '../helpers/deadline.ts';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';

/** Images are built, on a machine that has other tests to run. */
export const SCRIPT_TIMEOUT_MS = 15 * 60_000;

/**
 * Runs `run.sh` of an example to its end, as a reader does; it has to pass, and to leave no container behind.
 *
 * @returns what it said
 */
export async function runExampleScript(
  t: ExecutionContext,
  { env, docker }: DockerEngine,
  example: string,
): Promise<string> {
  const script = spawn(join(import.meta.dirname, '../../examples', example, 'run.sh'), {
    env: { ...env, HAUBERK_IMAGE: TEST_IMAGE },
    stdio: ['ignore', 'pipe', 'pipe'],
    // With what it starts, so that nothing of it is left when it takes too long.
    detached: true,
  });
  t.teardown(() => {
    if (script.exitCode === null && script.pid !== undefined) process.kill(-script.pid, 'SIGTERM');
  });
  const [stdout, stderr, [code]] = await within(
    'run.sh ends',
    Promise.all([
      script.stdout.setEncoding('utf8').toArray(),
      script.stderr.setEncoding('utf8').toArray(),
      once(script, 'close') as Promise<[number | null]>,
    ]),
    SCRIPT_TIMEOUT_MS,
  );
  const said = stdout.join('');
  t.is(code, 0, `${said}\n${stderr.join('')}`);
  const label = `label=com.docker.compose.project=${example}`;
  t.is(await docker('ps', '--all', '--quiet', '--filter', label), '');
  return said;
}
