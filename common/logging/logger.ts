import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { destination as openDestination, pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import type * as PinoPretty from 'pino-pretty';
import { redact } from '../redact.ts';
import { serialize } from './serialize.ts';

/** The levels, most talkative first; `silent` writes nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** How much is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Takes finished lines, each with its line end. */
export interface LogDestination {
  write(line: string): void;
}

/** What a logger is made of. */
export interface LoggerOptions {
  /** Which program speaks, e.g. `control-plane`. */
  readonly name: string;
  readonly level: LogLevel;
  /** The worker that speaks, in a process with several. */
  readonly worker?: number;
  /** Coloured lines for people instead of JSON; by default when standard output is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go instead of standard output. */
  readonly destination?: LogDestination;
}

/** Standard output. */
const STDOUT_FD = 1;

/**
 * Creates the process's logger: one JSON object a line with `level`, `time` (ISO 8601), `name`,
 * `event`, fields and `msg`. Each key occurs once in a line; what each means is in docs/logs.md. Numbers
 * are whole.
 *
 * Join tokens and private keys are taken out of the finished line, so it does not matter which field,
 * message or error they were in. Writing is synchronous: no line is lost when the process ends, and
 * nothing is logged for each request that would make this slow.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { name, level, worker } = options;
  const withStack = level === 'debug' || level === 'trace';
  const base = { name, ...(worker !== undefined && { worker }) };
  const taken = new Set([...WRITTEN_BY_PINO, ...Object.keys(base)]);
  return pino(
    {
      level,
      base,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (bindings) => serialize(bindings, withStack) as Record<string, unknown>,
        log: (fields) => untaken(serialize(fields, withStack) as Record<string, unknown>, taken),
      },
      // The formatter above has already done it; pino's own would add the stack.
      serializers: { err: (value: unknown) => value },
    },
    scrubbing(options),
  );
}

/** Keys of each line that are no fields. */
const WRITTEN_BY_PINO = ['level', 'time', 'msg'];

/**
 * A key that occurs twice makes a line unreadable for some (RFC 8259 section 4 leaves open what it means):
 * a field that would be the second gets another name.
 */
function untaken(
  fields: Record<string, unknown>,
  taken: ReadonlySet<string>,
): Record<string, unknown> {
  if (!Object.keys(fields).some((key) => taken.has(key))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [taken.has(key) ? `${key}Field` : key, value]),
  );
}

function scrubbing({ destination, pretty: asked }: LoggerOptions): LogDestination {
  const target = destination ?? standardOutput();
  const forPeople = asked ?? (destination === undefined && isatty(STDOUT_FD));
  if (!forPeople) {
    return {
      write(line) {
        target.write(redact(line));
      },
    };
  }
  // Loaded here: what runs for long writes to a file or a pipe.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty;
  const prettify = pretty.prettyFactory({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'name' });
  return {
    write(line) {
      const text: string | undefined = prettify(withoutControls(redact(line)));
      if (text !== undefined) target.write(text);
    },
  };
}

/**
 * A disk that is full, or whatever else standard output leads to, costs the lines that could not be written,
 * and never throws at the caller.
 */
function standardOutput(): LogDestination {
  let target = open();
  function open(): LogDestination {
    const opened = openDestination({ dest: STDOUT_FD, sync: true });
    // It would keep the line in memory, and all that follow.
    opened.on('error', () => {
      target = open();
    });
    return opened;
  }
  return {
    write(line) {
      target.write(line);
    },
  };
}

/**
 * Takes terminal control sequences out of a JSON line: what a peer sent may be in it. Line end and tab
 * have escapes of their own in JSON (`\n`, `\t`) and stay.
 */
function withoutControls(line: string): string {
  return line.replace(/\\u00[01][0-9a-f]/gi, '\\ufffd').replace(/[\u007f-\u009f]/g, '\ufffd');
}
