import type { Direction } from '../peers.ts';

/** What was recognised in a connection; label `protocol`. */
export const DETECTED = ['http1', 'http2', 'tcp'] as const;

/** One of `DETECTED`. */
export type DetectedProtocol = (typeof DETECTED)[number];

/**
 * Why a connection of HTTP was not followed to its end; label `reason`:
 * - `malformed`: a head, a chunk, a frame or a header block is not what the RFCs say;
 * - `too-large`: a head or a header block is longer than what is kept for it;
 * - `too-many`: more requests are open at a time than are kept;
 * - `unexpected`: a response that no request asked for;
 * - `unsupported`: server push;
 * - `memory`: unfinished heads of all connections take what there is for them;
 * - `internal`: a mistake of the program.
 */
export const PARSE_FAILURES = [
  'malformed',
  'too-large',
  'too-many',
  'unexpected',
  'unsupported',
  'memory',
  'internal',
] as const;

/** One of `PARSE_FAILURES`. */
export type ParseFailure = (typeof PARSE_FAILURES)[number];

/** Counts by direction and one more label, each known from the start. */
export class DirectionCounts<Label extends string> {
  readonly #labels: readonly Label[];
  readonly #counts = {
    inbound: new Map<Label, number>(),
    outbound: new Map<Label, number>(),
  } as const;

  constructor(labels: readonly Label[]) {
    this.#labels = labels;
  }

  add(direction: Direction, label: Label): void {
    const counts = this.#counts[direction];
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }

  *rows(): Iterable<{
    readonly direction: Direction;
    readonly label: Label;
    readonly count: number;
  }> {
    for (const direction of ['inbound', 'outbound'] as const) {
      for (const label of this.#labels) {
        yield { direction, label, count: this.#counts[direction].get(label) ?? 0 };
      }
    }
  }
}
