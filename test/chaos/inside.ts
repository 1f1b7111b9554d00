import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPresent, REQUIREMENTS, type Requirement } from '../helpers/machine/system-programs.ts';
import { ChaosError } from './chaos-error.ts';

/** Set where the harness runs in its namespaces: the folder that all its files are in. */
export const INSIDE = 'HAUBERK_CHAOS_DIRECTORY';

const NEEDED: readonly Requirement[] = ['etcd', 'etcdctl', 'tcpdump', 'nft', 'openssl'];

/** Its processes and mounts are its own: with its first process all of them end, whatever ends that one. */
const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** @throws ChaosError `machine-unfit`: what is missing here, and how to get it */
export function checkMachine(): void {
  const missing = NEEDED.filter((program) => !isPresent(program));
  if (missing.length > 0) {
    throw new ChaosError(
      'machine-unfit',
      `expected ${missing.join(', ')} on the PATH, found none`,
      {
        hint: `apt-get install ${missing.map((program) => REQUIREMENTS[program].package).join(' ')}`,
      },
    );
  }
  if (spawnSync('unshare', [...NAMESPACES, '--net', 'true']).status === 0) return;
  throw new ChaosError(
    'machine-unfit',
    'expected the right to make network, mount and process namespaces, and the kernel refuses it',
    { hint: 'run it as root, on a host or in a container that is privileged' },
  );
}

/**
 * Runs the harness again in namespaces of its own, with a file system in memory for its files.
 *
 * @param signal ends it in an orderly way
 * @returns its exit code
 */
export async function runInside(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-chaos-'));
  const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
  const main = [...node, join(import.meta.dirname, 'main.ts'), ...argv];
  const script = 'mount -t tmpfs -o size=2g tmpfs "$1" && shift && exec "$@"';
  const child = spawn('unshare', [...NAMESPACES, 'sh', '-c', script, 'sh', directory, ...main], {
    env: { ...process.env, [INSIDE]: directory, TMPDIR: directory },
    // Its input ends when this process asks it to end, or has ended in whichever way.
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  signal.addEventListener('abort', () => child.stdin.end(), { once: true });
  const [code] = (await once(child, 'close')) as [number | null];
  await rmdir(directory);
  return code ?? 1;
}
