import { constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Http2ConnectionOptions } from './http2-connection.ts';
import { Http2TunnelStream, resetWithoutEnd } from './http2-stream.ts';
import { answerError, resetError } from './open-error.ts';
import { TunnelError } from './tunnel-error.ts';
import type { Tunnel, TunnelEnd, TunnelStream } from './tunnel.ts';

/**
 * Stream ids end at 2^31, which is 2^30 streams of ours: after some three days at 4,000 connections
 * a second. A tunnel retires before that.
 */
const MAX_STREAMS_CARRIED = 2 ** 30 - 2 ** 20;

/** The dialling side of a tunnel on node:http2. */
export class Http2ClientTunnel implements Tunnel {
  readonly #connection: Http2Connection;
  readonly #session: ClientHttp2Session;
  readonly #maxStreams: number;

  constructor(options: Http2ConnectionOptions & { readonly session: ClientHttp2Session }) {
    this.#connection = new Http2Connection(options);
    this.#session = options.session;
    this.#maxStreams = options.limits.maxStreamsPerTunnel;
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

  get retired(): Promise<void> {
    return this.#connection.retired;
  }

  get accepting(): boolean {
    return !this.#connection.isRetired && this.openStreams < this.#streamLimit();
  }

  async open(authority: string, signal?: AbortSignal): Promise<TunnelStream> {
    if (signal?.aborted === true) throw abortedError(signal);
    if (!this.accepting) throw notAcceptingError();
    const stream = this.#request(authority);
    this.#connection.track(stream);
    stream.on('error', ignore);
    resetWithoutEnd(stream);
    if (this.#connection.streamsCarried >= MAX_STREAMS_CARRIED) this.drain('drained');
    await this.#answered(stream, signal);
    return new Http2TunnelStream(stream, this.#connection);
  }

  drain(reason: TunnelEnd): void {
    this.#connection.retire(reason);
    if (!this.#session.destroyed) this.#session.close();
  }

  destroy(reason: TunnelEnd): void {
    this.#connection.destroy(reason);
  }

  /** A request beyond the peer's limit would wait inside node:http2, where a GOAWAY forgets it. */
  #streamLimit(): number {
    const peerLimit = this.#session.remoteSettings.maxConcurrentStreams ?? this.#maxStreams;
    return Math.min(this.#maxStreams, peerLimit);
  }

  #request(authority: string): ClientHttp2Stream {
    try {
      return this.#session.request(
        { ':method': 'CONNECT', ':authority': authority },
        { endStream: false },
      );
    } catch (error) {
      throw new TunnelError('refused-stream', 'the tunnel closed while a stream was being opened', {
        cause: error,
      });
    }
  }

  /** Resolves at a 200; every other end of the wait throws, and leaves nothing of the stream. */
  #answered(stream: ClientHttp2Stream, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onResponse = (headers: { ':status'?: number | undefined }): void => {
      const status = headers[':status'];
      if (status === 200) return resolve();
      reject(answerError(status));
      discard(stream);
    };
    const onClose = (): void => {
      reject(resetError(stream.rstCode, this.#connection.lost));
    };
    const onAbort = (): void => {
      reject(abortedError(signal));
      discard(stream);
    };
    stream.once('response', onResponse);
    stream.once('close', onClose);
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise.finally(() => {
      stream.off('response', onResponse);
      stream.off('close', onClose);
      signal?.removeEventListener('abort', onAbort);
    });
  }
}

function discard(stream: ClientHttp2Stream): void {
  stream.close(constants.NGHTTP2_CANCEL);
  stream.resume();
}

function notAcceptingError(): TunnelError {
  return new TunnelError('refused-stream', 'the tunnel takes no more streams');
}

function abortedError(signal: AbortSignal | undefined): TunnelError {
  return new TunnelError('aborted', 'the connection was given up before the peer had answered', {
    cause: signal?.reason,
  });
}

function ignore(): void {}
