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
