import type { Logger } from 'pino';
import type { MonotonicClock } from '../clock.ts';

/** A peer that floods us must not fill the disk as well. */
const INTERVAL_MS = 1_000;

/** What a line tells besides its sentence. */
export interface RefusalFields {
  readonly event: string;
  readonly reason: string;
  readonly [field: string]: string | number | undefined;
}

/** Logs a refusal at most once a second for each reason; the line says how many had none before it. */
export type RefusalLines = (fields: RefusalFields, sentence: string) => void;

/** Creates the lines of one listener, or of one direction. */
export function createRefusalLines(
  clock: Pick<MonotonicClock, 'monotonicMs'>,
  logger: Logger,
): RefusalLines {
  const windows = new Map<string, { untilMs: number; suppressed: number }>();
  return (fields, sentence) => {
    const nowMs = clock.monotonicMs();
    const window = windows.get(fields.reason);
    if (window !== undefined && nowMs < window.untilMs) {
      window.suppressed += 1;
      return;
    }
    const suppressed = window?.suppressed ?? 0;
    windows.set(fields.reason, { untilMs: nowMs + INTERVAL_MS, suppressed: 0 });
    logger.warn({ ...fields, suppressed }, sentence);
  };
}
