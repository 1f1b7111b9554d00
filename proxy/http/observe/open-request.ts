import type { MonotonicClock } from '../../../common/clock.ts';
import type { MethodLabel, RequestProtocol, StatusLabel } from '../../metrics/requests/labels.ts';
import type { EndedRequest, RequestSink } from '../../metrics/requests/request-counters.ts';
import type { KeptMemory } from './kept-bytes.ts';

/** What following a connection takes. */
export interface FollowContext {
  readonly clock: MonotonicClock;
  readonly requests: RequestSink;
  readonly memory: KeptMemory;
}

/** A request whose response has not ended. */
export class OpenRequest implements EndedRequest {
  readonly protocol: RequestProtocol;
  readonly method: MethodLabel;
  /** Of the final response; 0 before it. */
  responseStatus = 0;
  /** What the trailers of gRPC say; undefined before. */
  grpcStatus: string | undefined;
  requestBytes = 0;
  responseBytes = 0;
  status: StatusLabel = 'incomplete';
  durationSeconds = 0;
  /** Of the request line, or `:path`; only where it is wanted. */
  target: string | undefined;
  readonly #startedMs: number;

  constructor(protocol: RequestProtocol, method: MethodLabel, startedMs: number) {
    this.protocol = protocol;
    this.method = method;
    this.#startedMs = startedMs;
  }

  /** Counts it. */
  end(status: StatusLabel, { clock, requests }: FollowContext): void {
    this.status = status;
    this.durationSeconds = (clock.monotonicMs() - this.#startedMs) / 1000;
    requests.ended(this);
  }
}

/** Follows the requests of one connection. Whatever it throws is the end of it. */
export interface Follower {
  /** True when nothing that it understands follows: the connection has become another one. */
  readonly isOver: boolean;
  /** @throws ParseError, or ConnectionError of HTTP/2 */
  fromClient(chunk: Buffer): void;
  /** Throws likewise. */
  fromServer(chunk: Buffer): void;
  /** The server has ended its direction. */
  serverEnded(): void;
  /** The connection is gone: what is open is counted as it is. */
  closed(): void;
  /** Gives its memory back. */
  release(): void;
}
