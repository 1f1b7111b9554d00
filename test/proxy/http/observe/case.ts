import type { Step } from './observe.ts';

/** A connection, and what is to be counted of it. */
export interface Case {
  readonly title: string;
  readonly steps: readonly Step[];
  readonly requests: readonly string[];
  /** `http1` or `http2` by default, as the first step is. */
  readonly detected?: 'tcp';
  /** The reason for which it is given up. */
  readonly failure?: string;
  /** Nothing more is looked at, though it was not given up. */
  readonly left?: true;
}

/** What a connection that is not HTTP comes to. */
export const NOTHING = { requests: [], detected: 'tcp', left: true } as const;
