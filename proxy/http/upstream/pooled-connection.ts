import type { MonotonicMs } from '../../../common/clock.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type {
  ClientConnection,
  ClientConnectionObserver,
  ClientExchange,
  ResponseReceiver,
} from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import type { UpstreamConnection } from './place.ts';

/** A connection to a server, before HTTP is spoken on it. */
export interface Dialled {
  readonly stream: ByteStream;
  /** Who is there, for logs: a SPIFFE ID, or a server outside. */
  readonly peer: string;
  /** What the system or TLS said when it broke; undefined where nothing is known. */
  readonly failure?: () => Error | undefined;
  /** True when the server is going away: what is under way ends in order, and nothing more should be sent there. */
  readonly isLeaving?: () => boolean;
}

/** Speaks HTTP on a connection. */
export type Speak = (stream: ByteStream, observer: ClientConnectionObserver) => ClientConnection;

/** What a connection tells its pool. */
export interface ConnectionPool {
  /** It may take a request again. */
  available(connection: PooledConnection): void;
  /** It has ended. */
  closed(connection: PooledConnection): void;
}

/** A connection, and what it carries. */
export class PooledConnection implements UpstreamConnection, ClientConnectionObserver {
  isKept = false;
  idleSinceMs: MonotonicMs = 0 as MonotonicMs;
  active = 0;
  readonly #pool: ConnectionPool;
  readonly #dialled: Dialled;
  #connection: ClientConnection | undefined;

  constructor(pool: ConnectionPool, dialled: Dialled) {
    this.#pool = pool;
    this.#dialled = dialled;
  }

  start(speak: Speak): void {
    this.#connection = speak(this.#dialled.stream, this);
  }

  get peer(): string {
    return this.#dialled.peer;
  }

  get brokenBy(): Error | undefined {
    return this.#dialled.failure?.();
  }

  get isLeaving(): boolean {
    return this.#dialled.isLeaving?.() === true;
  }

  get hasRoom(): boolean {
    return this.#connection !== undefined && this.#connection.capacity > 0;
  }

  /** True when it will take no request any more. */
  get isOver(): boolean {
    return this.#connection?.isClosed === true;
  }

  /** See `ClientConnection.limit`. */
  get limit(): number | undefined {
    return this.#connection?.limit;
  }

  get isUnused(): boolean {
    return this.active === 0 && this.#connection?.isIdle === true;
  }

  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined {
    const exchange = this.#connection?.request(head, isWhole, receiver);
    if (exchange !== undefined) this.active += 1;
    return exchange;
  }

  release(): void {
    this.active -= 1;
    if (this.isUnused) this.#pool.available(this);
  }

  decline(): void {}

  drain(): void {
    this.#connection?.drain();
  }

  destroy(): void {
    this.#connection?.destroy();
  }

  available(): void {
    this.#pool.available(this);
  }

  closed(): void {
    this.#pool.closed(this);
  }
}
