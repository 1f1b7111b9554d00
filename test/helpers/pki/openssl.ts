import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

/** How a run of openssl ended. */
export interface OpensslResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The machine's openssl, in a directory of its own that goes with the test. */
export interface Openssl {
  readonly directory: string;
  /** Puts a file beside it, to be named in the arguments. */
  write(name: string, contents: string | Uint8Array): Promise<void>;
  run(...args: readonly string[]): Promise<OpensslResult>;
  /** The output of a run that must succeed. */
  output(...args: readonly string[]): Promise<Buffer>;
}

/** A run takes milliseconds; one that waits for a terminal would wait forever. */
const TIMEOUT_MS = 60_000;

/** Readies openssl for one test. */
export async function createOpenssl(t: Pick<ExecutionContext, 'teardown'>): Promise<Openssl> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-openssl-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const run = (...args: readonly string[]): Promise<OpensslResult> =>
    new Promise((resolve) => {
      const options = { cwd: directory, encoding: 'buffer', timeout: TIMEOUT_MS } as const;
      const child = execFile('openssl', args, options, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : (child.exitCode ?? -1);
        resolve({ exitCode, stdout, stderr: stderr.toString() });
      });
      child.stdin?.end();
    });
  return {
    directory,
    write: (name, contents) => writeFile(path.join(directory, name), contents),
    run,
    async output(...args) {
      const result = await run(...args);
      if (result.exitCode === 0) return result.stdout;
      throw new Error(`openssl ${args.join(' ')} failed: ${result.stderr}`);
    },
  };
}
