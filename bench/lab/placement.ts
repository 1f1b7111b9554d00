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
/**
 * Of the descriptors for connections, what a sidecar of Hauberk lets one peer have: half, when a tenth is set aside
 * (`common/budget/shared-budget.ts`). Others hold both ends of each connection that they carry, which is as much.
 */
const SHARE_OF_A_PEER = 0.45;
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
  return { ...planCores(availableParallelism()), ...planFiles(canOpen, hardLimit) };
}

/** Plans the open files, of which as many are wanted as the largest workload needs, where the system has them. */
export function planFiles(
  mayOpen: (files: number) => boolean,
  mostFiles: () => number,
): Pick<Placement, 'openFiles' | 'maxConnections' | 'limits'> {
  const wanted = Math.ceil(WANTED_CONNECTIONS / SHARE_OF_A_PEER) + OTHER_FILES;
  if (mayOpen(wanted)) return { openFiles: wanted, maxConnections: WANTED_CONNECTIONS, limits: [] };
  const openFiles = mostFiles();
  const maxConnections = Math.max(Math.floor((openFiles - OTHER_FILES) * SHARE_OF_A_PEER), 1);
  const limit = `this user may open ${openFiles} files at most (ulimit -Hn): no more than ${maxConnections} connections at a time are measured`;
  return { openFiles, maxConnections, limits: [limit] };
}

function canOpen(files: number): boolean {
  return spawnSync('prlimit', [`--nofile=${files}:${files}`, 'true']).status === 0;
}

function hardLimit(): number {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' });
  return Number(stdout) || 1_024;
}
