import { REQUEST_SECONDS_BOUNDS } from '../../../common/wire/traffic/durations.ts';
import { BucketCounts } from './bucket-counts.ts';
import type { MethodLabel, RequestProtocol, StatusLabel } from './labels.ts';

/** A request whose response has ended. */
export interface EndedRequest {
  readonly protocol: RequestProtocol;
  readonly method: MethodLabel;
  readonly status: StatusLabel;
  /** From the first byte of the request to the last of its response. */
  readonly durationSeconds: number;
  /** Of the request's body, without what frames it. */
  readonly requestBytes: number;
  /** Of the response's body, likewise. */
  readonly responseBytes: number;
  /** The code of HTTP; 0 or nothing where there was none. */
  readonly responseStatus?: number | undefined;
  /** As it was sent, query and all; only where the sink wants it. */
  readonly target?: string | undefined;
}

/** Takes requests that have ended. */
export interface RequestSink {
  /** Keeps nothing of the object. */
  ended(request: EndedRequest): void;
  /** Where requests go is of interest now: while it is not, it is not looked at. */
  readonly wantsTarget: boolean;
}

/** From a small answer to a large file. */
export const BODY_BYTES_BUCKETS = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/** How many requests were alike. */
export interface RequestCount {
  readonly protocol: RequestProtocol;
  readonly method: MethodLabel;
  readonly status: StatusLabel;
  count: number;
}

/** What is counted of the requests of one (direction, peer), in plain numbers. */
export class RequestCounters implements RequestSink {
  readonly seconds = new BucketCounts(REQUEST_SECONDS_BOUNDS);
  readonly requestBytes = new BucketCounts(BODY_BYTES_BUCKETS);
  readonly responseBytes = new BucketCounts(BODY_BYTES_BUCKETS);
  /** A handful, as a rule, and bounded by the labels: to look through them costs less than to hash. */
  readonly counts: RequestCount[] = [];
  readonly wantsTarget = false;

  ended(request: EndedRequest): void {
    this.#count(request).count += 1;
    this.seconds.add(request.durationSeconds);
    this.requestBytes.add(request.requestBytes);
    this.responseBytes.add(request.responseBytes);
  }

  /** Adds what others of the same peer have. */
  addAll(other: RequestCounters): void {
    for (const row of other.counts) this.#count(row).count += row.count;
    this.seconds.addAll(other.seconds);
    this.requestBytes.addAll(other.requestBytes);
    this.responseBytes.addAll(other.responseBytes);
  }

  #count({ protocol, method, status }: Omit<RequestCount, 'count'>): RequestCount {
    for (const row of this.counts) {
      if (row.status === status && row.method === method && row.protocol === protocol) return row;
    }
    const row = { protocol, method, status, count: 0 };
    this.counts.push(row);
    return row;
  }
}
