import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { nodeEnvironment } from '../../common/process/node-environment.ts';
import { within } from '../helpers/deadline.ts';

const BENCH = join(import.meta.dirname, '../../bench');

/** How a run ended, and what it said. */
export interface BenchRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the main file of a bench as a person would, and ends it when it takes too long.
 *
 * @param main below `bench/`
 * @param temporary the folder in which it may leave nothing
 */
export async function runBench(
  main: 'main.ts' | 'fleet/main.ts',
  args: readonly string[],
  temporary: string,
): Promise<BenchRun> {
  const { PATH, HOME } = process.env;
  const command = ['--disable-warning=ExperimentalWarning', join(BENCH, main), ...args];
  const child = spawn(process.execPath, command, {
    env: { PATH, HOME, TMPDIR: temporary, ...nodeEnvironment(process.env) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const [stdout, stderr, [code]] = await within(
      `bench/${main} ends`,
      Promise.all([
        child.stdout.setEncoding('utf8').toArray(),
        child.stderr.setEncoding('utf8').toArray(),
        once(child, 'close') as Promise<[number | null]>,
      ]),
      80_000,
    );
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    // It takes along what it has started.
    child.kill('SIGTERM');
  }
}
