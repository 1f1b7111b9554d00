import { readFileSync } from 'node:fs';

/** What processes have used of the processor, in milliseconds. */
export interface CpuTime {
  readonly userMs: number;
  readonly systemMs: number;
}

/** The unit of /proc: USER_HZ, which is 100 on every Linux that people run. */
const MS_PER_TICK = 10;

/**
 * Reads utime and stime out of /proc/PID/stat (proc(5), fields 14 and 15), all threads together. The
 * name in field 2 may hold spaces and brackets, so counting begins after the last bracket.
 */
export function parseCpuTime(stat: string): CpuTime {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { userMs: Number(fields[11]) * MS_PER_TICK, systemMs: Number(fields[12]) * MS_PER_TICK };
}

/** Milliseconds of processor time of some processes so far, user and system together. */
export function cpuMs(pids: readonly number[]): number {
  return pids
    .map((pid) => parseCpuTime(readFileSync(`/proc/${pid}/stat`, 'latin1')))
    .reduce((sum, { userMs, systemMs }) => sum + userMs + systemMs, 0);
}

/** Reads VmRSS out of /proc/PID/status, in bytes. */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Bytes of memory that some processes hold, each with its share of shared pages. */
export function residentBytes(pids: readonly number[]): number {
  return pids
    .map((pid) => parseResidentBytes(readFileSync(`/proc/${pid}/status`, 'latin1')))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Reads what is of no other process out of /proc/PID/smaps_rollup, in bytes. */
function parsePrivateBytes(smaps: string): number {
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(smaps)?.[1] ?? Number.NaN);
  return (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024;
}

/** Bytes of memory that a process shares with no other. */
export function privateBytes(pid: number): number {
  return parsePrivateBytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
}

/** Milliseconds that all cores together were busy so far, in any process (proc(5), /proc/stat). */
export function parseMachineBusyMs(stat: string): number {
  const [, ...fields] = (stat.split('\n', 1)[0] ?? '').trim().split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = fields.map(Number);
  return (user + nice + system + irq + softIrq) * MS_PER_TICK;
}

/**
 * Milliseconds of processor time that others than the bench have used so far. Time of children that
 * have ended counts with their parents (fields 16 and 17 of /proc/PID/stat).
 */
export function othersBusyMs(ours: readonly (number | 'self')[]): number {
  const own = ours
    .map((pid) => parseFamilyMs(readFileSync(`/proc/${pid}/stat`, 'latin1')))
    .reduce((sum, ms) => sum + ms, 0);
  return parseMachineBusyMs(readFileSync('/proc/stat', 'latin1')) - own;
}

function parseFamilyMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK;
}
