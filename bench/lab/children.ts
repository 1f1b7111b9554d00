import { readFileSync } from 'node:fs';

/** A process and those that it has started, as /proc/PID/task/PID/children names them (proc(5)). */
export function withChildren(pid: number): number[] {
  let children = '';
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  } catch {
    // The process has ended, or the kernel does not tell.
  }
  return [
    pid,
    ...children
      .split(' ')
      .map(Number)
      .filter((child) => child > 0),
  ];
}
