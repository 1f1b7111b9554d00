import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Http2Connection } from '../http2/connection.ts';
import { ERROR_CODE } from '../http2/protocol.ts';
import type { Http2Stream, StreamObserver } from '../http2/stream.ts';
import type { ByteStream } from '../stream/byte-stream.ts';
import type { IncomingStream, RefusalStatus } from './tunnel.ts';

/** What an incoming stream is made of; `onCancelled` is called when the peer gives it up undecided. */
export interface PendingStreamOptions {
  readonly stream: Http2Stream;
  readonly http2: Http2Connection;
  readonly peer: SpiffeId;
  readonly authority: string;
  readonly onCancelled: () => void;
}

/** A stream that waits for the decision whether it is served. */
export class PendingStream implements IncomingStream, StreamObserver {
  readonly peer: SpiffeId;
  readonly authority: string;
  readonly #stream: Http2Stream;
  readonly #http2: Http2Connection;
  readonly #onCancelled: () => void;
  #abort: AbortController | undefined;
  #state: 'undecided' | 'decided' | 'cancelled' = 'undecided';

  constructor({ stream, http2, peer, authority, onCancelled }: PendingStreamOptions) {
    this.peer = peer;
    this.authority = authority;
    this.#stream = stream;
    this.#http2 = http2;
    this.#onCancelled = onCancelled;
    stream.observe(this);
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#state === 'cancelled') this.#abort.abort();
    return this.#abort.signal;
  }

  accept(): ByteStream {
    if (this.#decide()) this.#http2.respond(this.#stream, 200, false);
    return this.#stream;
  }

  refuse(status: RefusalStatus): void {
    if (this.#decide()) this.#http2.respond(this.#stream, status, true);
  }

  /** A server's stream has no response. */
  headers(): boolean {
    return false;
  }

  ended(): void {
    if (this.#state !== 'undecided') return;
    this.#state = 'cancelled';
    // What came with the request will not be read.
    this.#stream.reset(ERROR_CODE.CANCEL);
    this.#abort?.abort();
    this.#onCancelled();
  }

  /** False when no caller is left to answer. */
  #decide(): boolean {
    if (this.#state !== 'undecided') return false;
    this.#state = 'decided';
    return true;
  }
}
