/** What callers call, and from where. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Words that run the command behind them in the callers' network namespace; none where it is the bench's own. */
  readonly through: readonly string[];
}

/** 64 MiB or so in one direction, again and again. */
export interface BulkOrder {
  readonly kind: 'bulk';
  readonly to: Destination;
  readonly path: string;
  readonly direction: 'download' | 'upload';
  /** Of one transfer. */
  readonly bytes: number;
  /** Transfers under way at any time. */
  readonly flows: number;
  /** Starts no transfer after so long. */
  readonly seconds: number;
  /** Transfers to do in any case. */
  readonly atLeast: number;
}

/** What bulk transfers came to. */
export interface BulkOutcome {
  readonly bytes: number;
  readonly transfers: number;
  readonly elapsedMs: number;
}

/** Readers that ask for much and read little. */
export interface SlowOrder {
  readonly kind: 'slow';
  readonly to: Destination;
  readonly path: string;
  readonly readers: number;
  /** What each reads in a second. */
  readonly bytesPerSecond: number;
}

/** Requests one after the other on each connection, every latency with its moment. */
export interface TimelineOrder {
  readonly kind: 'timeline';
  readonly to: Destination;
  readonly connections: number;
  readonly seconds: number;
}

/** The latencies of a run in time slices, so that moments can be told apart. */
export interface TimelineOutcome {
  readonly failures: number;
  /** Milliseconds since the epoch of the first slice. */
  readonly startMs: number;
  readonly sliceMs: number;
  /** Microseconds of each request, by the slice in which it ended. */
  readonly slices: readonly (readonly number[])[];
}

/** Requests at a fixed rate, whatever becomes of those before. */
export interface OpenLoopOrder {
  readonly kind: 'open-loop';
  /** Holds the connections when they are open, says so, and begins when it is told to. */
  readonly held: boolean;
  /** Without it connections are made directly. */
  readonly tunnels?: TunnelsOrder;
  readonly to: Destination;
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly seconds: number;
}

/** How connections go through tunnels that the load makes itself. */
export interface TunnelsOrder {
  readonly tunnels: number;
  readonly authority: string;
  /** PEM files. */
  readonly chain: string;
  readonly key: string;
  readonly trusted: string;
}

/** How long requests took from the moment that they were due. */
export interface OpenLoopOutcome {
  readonly failures: number;
  /** Answered in the time that was measured. */
  readonly requests: number;
  /** Answered before that, to warm up. */
  readonly unmeasured: number;
  /** Microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** Requests until one is answered. */
export interface ProbeOrder {
  readonly kind: 'probe';
  readonly to: Destination;
}

/** What a load program is told, as JSON in its one argument. */
export type LoadOrder = BulkOrder | OpenLoopOrder | ProbeOrder | SlowOrder | TimelineOrder;
