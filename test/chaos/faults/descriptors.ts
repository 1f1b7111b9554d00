import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { targetOf, type Fault } from './fault.ts';

const run = promisify(execFile);

/** Descriptors that are left to it: less than it needs for one connection more. */
const LEFT = 1;

/** A process may open hardly any more files and sockets. */
export const descriptors: Fault = async ({ mesh }, planned) => {
  const victim = mesh.process(targetOf(planned));
  const { pid } = victim;
  if (pid === undefined) return async () => {};
  const [soft = '', hard = ''] =
    /^Max open files +(\S+) +(\S+)/m
      .exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))
      ?.slice(1) ?? [];
  const highest = Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number));
  await limit(pid, `${highest + 1 + LEFT}:${hard}`);
  return async () => {
    // It may have ended, and then the new one has the limits of the harness.
    if (victim.pid === pid) await limit(pid, `${soft}:${hard}`);
  };
};

async function limit(pid: number, nofile: string): Promise<void> {
  await run('prlimit', [`--pid=${pid}`, `--nofile=${nofile}`]);
}
