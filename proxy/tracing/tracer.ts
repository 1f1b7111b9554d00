import type { HeaderField } from '../http2/hpack/static-table.ts';

/** A request that is passed on: what its span tells. */
export interface TracedRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string | undefined;
  /** Path and query; the query is left out of the span. */
  readonly target: string;
  readonly fields: readonly HeaderField[];
}

/** What became of a traced request. */
export interface TracedOutcome {
  /** Of the response; undefined when none was sent. */
  readonly status: number | undefined;
  /** The number in `grpc-status`. */
  readonly grpcStatus?: number | undefined;
  /** A reason of docs/errors.md, when the answer is our own or was cut short. */
  readonly error?: string | undefined;
  /** The service that was asked in the end, as a SPIFFE ID. */
  readonly peer?: string | undefined;
  /** How often the request was sent again. */
  readonly retries?: number | undefined;
}

/** The span of one request that is passed on. */
export interface RequestSpan {
  /** For the log: 32 hexadecimal digits. */
  readonly traceId: string;
  /** The request's fields as they go on, with the span as their parent. */
  readonly fields: readonly HeaderField[];
  /** Ends it, once. */
  ended(outcome: TracedOutcome): void;
}

/** Makes spans of requests, and sends them to a collector. */
export interface Tracer {
  begin(request: TracedRequest): RequestSpan;
  /** Sends what waits, within seconds, and releases everything. Never rejects. */
  close(): Promise<void>;
}
