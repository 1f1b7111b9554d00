import type { Span } from '../../prometheus/history.ts';

/** How long history is shown. */
export type { Span };

/** What has passed over time: a value for each moment, null where none is known. */
export interface HistoryAnswer {
  readonly nowMs: number;
  /** From where it is: of what was looked at, the control plane remembers an hour. */
  readonly source: 'memory' | 'prometheus';
  readonly span: Span;
  /** The spans that can be asked for. */
  readonly spans: readonly Span[];
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly requests: readonly (number | null)[];
  readonly connections: readonly (number | null)[];
  readonly failures: readonly (number | null)[];
  readonly p50Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
}
