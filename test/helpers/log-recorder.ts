import { pino, type Logger } from 'pino';

/** One log line as an object. */
export type LogLine = Readonly<Record<string, unknown>> & {
  readonly event?: string;
  readonly msg: string;
  readonly level: number;
};

/** A real logger whose lines a test can read. */
export interface LogRecorder {
  readonly logger: Logger;
  readonly lines: readonly LogLine[];
  /** The lines with this event. */
  of(event: string): readonly LogLine[];
}

/** Records every line, down to trace. */
export function createLogRecorder(): LogRecorder {
  const lines: LogLine[] = [];
  const logger = pino(
    { level: 'trace' },
    { write: (text: string) => void lines.push(JSON.parse(text) as LogLine) },
  );
  return { logger, lines, of: (event) => lines.filter((line) => line.event === event) };
}
