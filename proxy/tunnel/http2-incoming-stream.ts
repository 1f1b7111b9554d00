import type { ServerHttp2Stream } from 'node:http2';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Http2Connection } from './http2-connection.ts';
import { Http2TunnelStream, resetWithoutEnd } from './http2-stream.ts';
import type { IncomingStream, RefusalStatus, TunnelStream } from './tunnel.ts';

/** What an incoming stream is made of; `onCancelled` is called when the peer gives it up undecided. */
export interface Http2IncomingStreamOptions {
  readonly stream: ServerHttp2Stream;
  readonly connection: Http2Connection;
  readonly authority: string;
  readonly onCancelled: () => void;
}

/** A stream that waits for the decision whether it is served. */
export class Http2IncomingStream implements IncomingStream {
  readonly authority: string;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: Http2Connection;
  readonly #onCancelled: () => void;
  #abort: AbortController | undefined;
  #state: 'undecided' | 'decided' | 'cancelled' = 'undecided';

  constructor({ stream, connection, authority, onCancelled }: Http2IncomingStreamOptions) {
    this.authority = authority;
    this.#stream = stream;
    this.#connection = connection;
    this.#onCancelled = onCancelled;
    stream.once('aborted', this.#onGone);
    stream.once('close', this.#onGone);
    if (stream.aborted || stream.closed || stream.destroyed) this.#onGone();
  }

  get peer(): SpiffeId {
    return this.#connection.peer;
  }

  /** True when the peer gave it up before the decision. */
  get cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.cancelled) this.#abort.abort();
    return this.#abort.signal;
  }

  accept(): TunnelStream {
    if (this.#decide()) {
      resetWithoutEnd(this.#stream);
      this.#stream.respond({ ':status': 200 });
    }
    return new Http2TunnelStream(this.#stream, this.#connection);
  }

  refuse(status: RefusalStatus): void {
    if (!this.#decide()) return;
    this.#stream.respond({ ':status': status }, { endStream: true });
    // What the peer goes on sending is thrown away, so that the stream can close.
    this.#stream.resume();
  }

  /** False when there is nobody left to answer. */
  #decide(): boolean {
    if (this.#state !== 'undecided') return false;
    this.#state = 'decided';
    this.#stream.off('aborted', this.#onGone);
    this.#stream.off('close', this.#onGone);
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  readonly #onGone = (): void => {
    if (this.#state !== 'undecided') return;
    this.#state = 'cancelled';
    this.#stream.resume();
    this.#abort?.abort();
    this.#onCancelled();
  };
}
