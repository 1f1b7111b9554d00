import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The demo takes some 20 s, and more where other tests run. */
const DEADLINE_MS = 80_000;

/** What `hauberk demo --once --json` prints. */
export interface DemoReport {
  readonly requests: number;
  readonly failures: number;
  readonly rotations: number;
  readonly plaintextOnWire: number;
}

/**
 * Runs the demo of an installed `hauberk` with nothing of this process's environment but a PATH: a control plane,
 * sidecars and applications, each a process that it starts of itself.
 */
export async function runInstalledDemo(program: string, path: string): Promise<DemoReport> {
  const { stdout } = await run(program, ['demo', '--once', '--json'], {
    env: { PATH: path },
    cwd: '/',
    timeout: DEADLINE_MS,
  });
  return JSON.parse(stdout) as DemoReport;
}
