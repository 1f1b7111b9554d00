import { randomBytes } from 'node:crypto';

/** Filling that makes a message as large as a small answer of an API. */
const FILLING_BYTES = 1_024;

/** A line with the canary and random filling, which no compression could hide it in. */
export function messageWith(canary: string): string {
  return `${canary} ${randomBytes(FILLING_BYTES).toString('hex')}\n`;
}
