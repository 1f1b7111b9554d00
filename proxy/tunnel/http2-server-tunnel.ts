import { constants } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { WorkloadIdentity } from '../identity/source.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Http2ConnectionOptions } from './http2-connection.ts';
import { Http2IncomingStream } from './http2-incoming-stream.ts';
import type { TokenBucket } from './token-bucket.ts';
import type { IncomingStream, TunnelEnd } from './tunnel.ts';

/** A stream id that no client reaches: a GOAWAY with it announces the end without refusing anything. */
const LAST_STREAM_ID = 2 ** 31 - 1;

/** What a tunnel that a peer has dialled is made of. */
export interface Http2ServerTunnelOptions extends Http2ConnectionOptions {
  readonly session: ServerHttp2Session;
  /** What we showed in the handshake. */
  readonly identity: WorkloadIdentity;
  /** Bounds the streams that the peer gives up before they are answered. */
  readonly cancelled: TokenBucket;
  readonly onStream: (stream: IncomingStream) => void;
}

/** The listening side of a tunnel on node:http2. */
export class Http2ServerTunnel {
  readonly identity: WorkloadIdentity;
  readonly #connection: Http2Connection;
  readonly #session: ServerHttp2Session;
  readonly #options: Http2ServerTunnelOptions;
  #draining = false;

  constructor(options: Http2ServerTunnelOptions) {
    this.identity = options.identity;
    this.#options = options;
    this.#session = options.session;
    this.#connection = new Http2Connection(options);
    this.#session.on('stream', (stream, headers) => this.#onStream(stream, headers));
  }

  get peer(): SpiffeId {
    return this.#connection.peer;
  }

  get expiresMs(): number {
    return this.#connection.expiresMs;
  }

  get openStreams(): number {
    return this.#connection.openStreams;
  }

  get closed(): Promise<TunnelEnd> {
    return this.#connection.closed;
  }

  /**
   * Ends it without losing a stream (RFC 9113 section 6.8): a first GOAWAY asks the peer to open no
   * more, and only when a PING has made the round trip, behind everything that the peer had sent
   * before it read that, a second one names the last stream that is served.
   *
   * Once a GOAWAY is out and no stream is open, node:http2 reads no more, not even the answer to the
   * PING: then the second one goes out at once, and the peer may open again elsewhere what it says
   * was not looked at.
   */
  drain(reason: TunnelEnd): void {
    if (this.#draining || this.#connection.lost) return;
    this.#draining = true;
    this.#connection.retire(reason);
    if (this.openStreams === 0) return this.#closeSession();
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM_ID);
    this.#session.ping(() => this.#closeSession());
  }

  #closeSession(): void {
    if (!this.#session.destroyed) this.#session.close();
  }

  destroy(reason: TunnelEnd): void {
    this.#connection.destroy(reason);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders & ConnectHeaders): void {
    this.#connection.track(stream);
    stream.once('close', () => {
      if (this.#draining && this.openStreams === 0) this.#closeSession();
    });
    stream.on('error', ignore);
    const incoming = new Http2IncomingStream({
      stream,
      connection: this.#connection,
      authority: headers[':authority'] ?? '',
      onCancelled: () => this.#onCancelled(),
    });
    if (headers[':method'] !== 'CONNECT' || headers[':authority'] === undefined) {
      incoming.refuse(400);
    } else if (!incoming.cancelled) {
      this.#options.onStream(incoming);
    }
  }

  /** Opening streams only to give them up makes us work for nothing (CVE-2023-44487, rapid reset). */
  #onCancelled(): void {
    if (this.#connection.lost || this.#options.cancelled.take()) return;
    const { logger } = this.#options;
    logger.warn(
      { event: 'rapid-reset', peer: this.peer.uri },
      `${this.peer.uri} gave up too many streams before they were answered; its tunnel was ended`,
    );
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.destroy('protocol-error');
  }
}

interface ConnectHeaders {
  readonly ':method'?: string | undefined;
  readonly ':authority'?: string | undefined;
}

function ignore(): void {}
