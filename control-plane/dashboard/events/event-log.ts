import type { Logger } from 'pino';
import type { WallClock } from '../../../common/clock.ts';
import { HauberkError } from '../../../common/errors.ts';
import { redact } from '../../../common/redact.ts';
import type { EventKind, EventsAnswer, MeshEvent } from '../answers/events.ts';
import { kindOfEvent } from './event-kinds.ts';

/** Of each kind, so that a caller who is refused each second pushes nothing else out. */
export const MAX_OF_A_KIND = 60;

/** The same sentence within this time is the same event, once more. */
const REPEATED_MS = 60_000;

/** Sentences have what a caller has sent in them; they are read in a table. */
const MAX_CHARACTERS = 400;

type Level = MeshEvent['level'];
const LEVELS: readonly Level[] = ['info', 'warn', 'error'];

/**
 * What has happened since the control plane has started, as far as there is room. It is what the log says: a second
 * way to tell of something would be forgotten where the first one is not.
 */
export class EventLog {
  readonly #clock: WallClock;
  readonly #sinceMs: number;
  /** The oldest first. */
  readonly #kinds = new Map<EventKind, MeshEvent[]>();

  constructor(clock: WallClock) {
    this.#clock = clock;
    this.#sinceMs = clock.epochMs();
  }

  /** A logger that writes to the one that is given, whatever its level, and remembers what is an event. */
  recording(logger: Logger): Logger {
    const recording = Object.create(logger) as Logger;
    for (const level of LEVELS) {
      recording[level] = (fields: unknown, sentence?: unknown): void => {
        logger[level](fields, sentence as string);
        if (typeof fields === 'object' && fields !== null) this.#take(level, fields, sentence);
      };
    }
    return recording;
  }

  /** All of it. */
  answer(): EventsAnswer {
    const events = [...this.#kinds.values()]
      .flat()
      .toReversed()
      .sort((a, b) => b.lastMs - a.lastMs);
    return { nowMs: this.#clock.epochMs(), sinceMs: this.#sinceMs, events };
  }

  #take(level: Level, fields: object, sentence: unknown): void {
    const event = textOf(fields, 'event');
    const kind = event === undefined ? undefined : kindOfEvent(event, level);
    if (event === undefined || kind === undefined || typeof sentence !== 'string') return;
    const nowMs = this.#clock.epochMs();
    const shown = redact(sentence).slice(0, MAX_CHARACTERS);
    const events = this.#kinds.get(kind) ?? [];
    this.#kinds.set(kind, events);
    const at = events.findLastIndex(
      (one) => one.event === event && one.sentence === shown && nowMs - one.lastMs < REPEATED_MS,
    );
    const [before] = at < 0 ? [] : events.splice(at, 1);
    const error = 'err' in fields && fields.err instanceof HauberkError ? fields.err : undefined;
    events.push({
      kind,
      level,
      event,
      sentence: shown,
      firstMs: before?.firstMs ?? nowMs,
      lastMs: nowMs,
      count: (before?.count ?? 0) + 1,
      reason: textOf(fields, 'reason') ?? error?.code,
      hint: error?.hint,
      spiffeId: textOf(fields, 'spiffeId'),
    });
    if (events.length > MAX_OF_A_KIND) events.shift();
  }
}

function textOf(fields: object, key: string): string | undefined {
  const value: unknown = key in fields ? (fields as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' && value !== ''
    ? redact(value).slice(0, MAX_CHARACTERS)
    : undefined;
}
