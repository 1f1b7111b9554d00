import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Which processes run where, and how many files they may open. */
export interface Placement {
  /** Cores of the sidecars, as taskset(1) takes them. */
  readonly sidecarCores: string;
  /** Cores of sidecars with workers: all that the load leaves. */
  readonly workerCores: string;
  /** Cores of the application and of its callers. */
  readonly loadCores: string;
  /** Open files that each process may have. */
  readonly openFiles: number;
  /** Connections that a pair can carry with that, up to what the largest workload wants. */
  readonly maxConnections: number;
  /** What the machine does not allow, in a sentence. */
  readonly limits: readonly string[];
}

/** Connections of the largest workload. */
const WANTED_CONNECTIONS = 10_000;
/** Files of a sidecar besides its connections: libraries, logs, listeners, and room for some programs' own reserve. */
const OTHER_FILES = 600;
/** With this many cores the sidecars get two of their own. */
const CORES_TO_SEPARATE = 4;

/**
 * Plans the cores: a pair of sidecars with one worker thread each never gets more than two. Where the
 * machine has at least four, the load has two others; otherwise all share.
 */
export function planCores(
  cores: number,
): Pick<Placement, 'sidecarCores' | 'workerCores' | 'loadCores'> {
  if (cores >= CORES_TO_SEPARATE) {
    const workerCores = cores > CORES_TO_SEPARATE ? `0,1,${CORES_TO_SEPARATE}-${cores - 1}` : '0,1';
    return { sidecarCores: '0,1', workerCores, loadCores: '2,3' };
  }
  const shared = cores < 2 ? '0' : '0,1';
  return { sidecarCores: shared, workerCores: shared, loadCores: shared };
}

/** Looks at the machine. */
export function planPlacement(): Placement {
  const cores = planCores(availableParallelism());
  // A proxy holds two ends of each connection that it carries.
  const wanted = 2 * WANTED_CONNECTIONS + OTHER_FILES;
  if (canOpen(wanted)) {
    return { ...cores, openFiles: wanted, maxConnections: WANTED_CONNECTIONS, limits: [] };
  }
  const openFiles = hardLimit();
  const maxConnections = Math.max(Math.floor((openFiles - OTHER_FILES) / 2), 1);
  const limit = `this user may open ${openFiles} files at most (ulimit -Hn): no more than ${maxConnections} connections at a time are measured`;
  return { ...cores, openFiles, maxConnections, limits: [limit] };
}

function canOpen(files: number): boolean {
  return spawnSync('prlimit', [`--nofile=${files}:${files}`, 'true']).status === 0;
}

function hardLimit(): number {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' });
  return Number(stdout) || 1_024;
}
