import type { Ended } from './network.ts';

/** What curl says of a reset: before it has noticed that it is connected, while it sends, or after. */
const CUT_OFF = new Set<number | null>([7, 55, 56]);

/** Whether the connection of a curl was reset before it got a byte. */
export function isCutOff({ code, stdout }: Ended): boolean {
  return CUT_OFF.has(code) && stdout === '';
}
