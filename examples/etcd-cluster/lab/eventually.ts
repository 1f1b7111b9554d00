import { setTimeout } from 'node:timers/promises';
import { LabError } from './lab-error.ts';

/** Three members find each other within it also on a machine with much else to do. */
const DEADLINE_MS = 120_000;

/** Time between two questions. */
const ASK_AGAIN_MS = 200;

/** Asks until the answer is yes. */
export async function eventually(what: string, ask: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + DEADLINE_MS;
  while (!(await ask())) {
    if (Date.now() > deadlineMs) {
      throw new LabError(`within ${DEADLINE_MS / 1000} s this did not happen: ${what}`);
    }
    await setTimeout(ASK_AGAIN_MS);
  }
}
