import type { Logger } from 'pino';
import { describeError } from '../errors.ts';

/** What is asked, and who is told when it is not answered. */
export interface LastKnownOptions<Answer> {
  /** For messages, e.g. `the addresses of this host`. */
  readonly what: string;
  /** Until it was answered for the first time. */
  readonly first: Answer;
  readonly logger: Logger;
}

/**
 * Asks the system, and goes on with what it said last while it does not answer: without a free descriptor, say,
 * Linux does not even tell a process its own addresses. That is told once, until there is an answer again.
 */
export function lastKnown<Answer>(
  ask: () => Answer,
  { what, first, logger }: LastKnownOptions<Answer>,
): () => Answer {
  let known = first;
  let isTold = false;
  return () => {
    try {
      known = ask();
      isTold = false;
    } catch (error) {
      if (!isTold) {
        const sentence = `the system does not report ${what}, the last known value stays in use: ${describeError(error)}`;
        logger.warn({ event: 'system-not-telling', what }, sentence);
      }
      isTold = true;
    }
    return known;
  };
}
