import { readFileSync } from 'node:fs';
import type { HauberkProcess } from './hauberk-process.ts';

/** The process ids of the workers that are ready, by their number; waits for the first `count`. */
export async function workerPids(sidecar: HauberkProcess, count: number): Promise<number[]> {
  await sidecar.logged('worker-ready', () => true, { times: count });
  const pids = new Map<number, number>();
  for (const line of sidecar.log) {
    if (line.event === 'worker-ready') pids.set(Number(line['worker']), Number(line['workerPid']));
  }
  return [...pids].sort(([a], [b]) => a - b).map(([, pid]) => pid);
}

/** The process ids of what a process has started and that still runs; none when it has ended. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    return text.split(' ').map(Number).filter(isAlive);
  } catch {
    return [];
  }
}

/** Whether a process runs: one that has ended and was not waited for does not. */
export function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** Kills a process, which may end by itself in the same moment. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
