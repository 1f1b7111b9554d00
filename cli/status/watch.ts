import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../common/errors.ts';

/** How often to look, and until when. */
export interface WatchOptions {
  readonly intervalMs: number;
  /** Answers after which it ends. */
  readonly count: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Looks again and again, and shows each answer. When there is none after the first, the last one stays, with the sentence
 * that says why: a control plane that is restarted is watched as well.
 *
 * @throws what the first look throws
 */
export async function watch<Answer>(
  look: () => Promise<Answer>,
  show: (newest: Answer, failure: string | undefined) => void,
  { intervalMs, count, signal }: WatchOptions,
): Promise<void> {
  let newest = await look();
  let answers = 1;
  show(newest, undefined);
  while (answers < count && (await passed(intervalMs, signal))) {
    try {
      newest = await look();
      answers += 1;
      show(newest, undefined);
    } catch (error) {
      show(newest, describeError(error));
    }
  }
}

/** Whether the time has passed without an end. */
async function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    // Aborted: nothing else ends a sleep.
    return false;
  }
}
