/** The monotonic clock of the machine, which all of its processes read alike, in milliseconds. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1000;
}
