import type { Logger } from 'pino';
import type { MonotonicClock } from '../clock.ts';
import type { BudgetRefusal } from './budget-error.ts';

/** A flood must not fill the disk as well. */
const INTERVAL_MS = 1_000;

/** What a line tells besides the reason. */
export interface RefusalDetails {
  readonly event: string;
  /** What was expected and what came. */
  readonly sentence: string;
  readonly [field: string]: string | number | undefined;
}

/** Writes a line for each reason at most once a second; it says how many had none before it. */
export type RefusalLine = (reason: BudgetRefusal, details: RefusalDetails) => void;

/** Creates the lines of one listener. */
export function createRefusalLine(
  clock: Pick<MonotonicClock, 'monotonicMs'>,
  logger: Logger,
): RefusalLine {
  const windows = new Map<BudgetRefusal, { untilMs: number; suppressed: number }>();
  return (reason, { sentence, ...fields }) => {
    const nowMs = clock.monotonicMs();
    const window = windows.get(reason);
    if (window !== undefined && nowMs < window.untilMs) {
      window.suppressed += 1;
      return;
    }
    const suppressed = window?.suppressed ?? 0;
    windows.set(reason, { untilMs: nowMs + INTERVAL_MS, suppressed: 0 });
    logger.warn({ ...fields, reason, suppressed }, sentence);
  };
}
