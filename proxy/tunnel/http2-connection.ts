import { constants } from 'node:http2';
import type { Http2Session, Http2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { systemErrorCode } from '../../common/errors.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Direction, TunnelMetrics } from '../metrics.ts';
import { CONNECTION_WINDOW_BYTES } from './http2-settings.ts';
import type { TunnelLimits } from './tunnel-limits.ts';
import type { TunnelEnd } from './tunnel.ts';

/** An HTTP/2 session whose peer has been authenticated. */
export interface Http2ConnectionOptions {
  readonly session: Http2Session;
  /** The connection below the session. */
  readonly socket: TLSSocket;
  readonly direction: Direction;
  readonly peer: SpiffeId;
  readonly expiresMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: TunnelMetrics;
  readonly limits: TunnelLimits;
}

/** How long a session that has ended waits for the peer to close too. */
const LINGER_MS = 2_000;

/**
 * What both sides of a tunnel share: keep-alive, the count of streams, and one reason for its end.
 *
 *     open ──retire(reason)──> retired ──last stream ends──> closed (that reason)
 *       └────────destroy(reason), or the connection breaks────^      (that reason)
 */
export class Http2Connection {
  readonly session: Http2Session;
  readonly peer: SpiffeId;
  readonly expiresMs: number;
  readonly closed: Promise<TunnelEnd>;
  /** Resolves when no new stream is taken any more; at the latest when it is closed. */
  readonly retired: Promise<void>;
  readonly #streams = new Set<Http2Stream>();
  /** Streams that were open when the connection under them ended. */
  readonly #cut = new WeakSet<Http2Stream>();
  streamsCarried = 0;
  readonly #options: Http2ConnectionOptions;
  readonly #resolveRetired: () => void;
  /** Why it takes nothing new; the reason of the end unless it breaks before. */
  #retirement: TunnelEnd | undefined;
  #cause: TunnelEnd | undefined;
  #keepAlive: Timer | undefined;
  #linger: Timer | undefined;
  #isClosed = false;

  constructor(options: Http2ConnectionOptions) {
    const closed = Promise.withResolvers<TunnelEnd>();
    const retired = Promise.withResolvers<void>();
    const { session, socket, peer, expiresMs } = options;
    this.session = session;
    this.peer = peer;
    this.expiresMs = expiresMs;
    this.closed = closed.promise;
    this.retired = retired.promise;
    this.#resolveRetired = retired.resolve;
    this.#options = options;
    // First of all listeners: node:http2 resets what is open then, as if the peer had done it.
    socket.prependOnceListener('close', () => {
      for (const stream of this.#streams) if (!stream.closed) this.#cut.add(stream);
    });
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.on('error', (error) => this.#broke(error));
    session.on('goaway', (code) => this.retire(code === 0 ? 'goaway' : 'protocol-error'));
    session.once('close', () => closed.resolve(this.#closed()));
    options.metrics.tunnelOpened(options.direction);
    this.#scheduleKeepAlive();
  }

  /** True once the connection under the streams is gone, or is about to be. */
  get lost(): boolean {
    return this.#cause !== undefined || this.session.destroyed;
  }

  /** True when the stream was open as the connection under it ended. */
  hasCut(stream: Http2Stream): boolean {
    return this.#cut.has(stream);
  }

  /** True when it takes no new streams any more. */
  get isRetired(): boolean {
    return this.#retirement !== undefined || this.session.closed || this.lost;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Counts a stream until it is closed. */
  track(stream: Http2Stream): void {
    this.#streams.add(stream);
    this.streamsCarried += 1;
    stream.once('close', () => {
      this.#streams.delete(stream);
      this.#lingerWhenDone();
    });
  }

  /** Notes that no new streams are taken, and why; the first reason stays. */
  retire(reason: TunnelEnd): void {
    this.#retirement ??= reason;
    this.#resolveRetired();
    this.#lingerWhenDone();
  }

  /** Ends it at once. Open streams are lost, and must not look as if they had ended well. */
  destroy(reason: TunnelEnd): void {
    if (this.session.destroyed) {
      // It may still be waiting for the peer to close.
      this.#options.socket.destroy();
      return;
    }
    this.#cause ??= reason;
    this.retire(reason);
    // Left to itself the session resets them with NO_ERROR, which reads as a clean end.
    for (const stream of this.#streams) stream.close(constants.NGHTTP2_CANCEL);
    this.session.destroy();
  }

  #broke(error: Error): void {
    const http2 = systemErrorCode(error)?.startsWith('ERR_HTTP2_') === true;
    this.#cause ??= http2 ? 'protocol-error' : 'transport-error';
    const { logger, direction, peer } = this.#options;
    logger.debug(
      { event: 'tunnel-broken', direction, peer: peer.uri, err: error },
      `the tunnel broke: ${error.message}`,
    );
  }

  #closed(): TunnelEnd {
    const { metrics, direction, logger, peer } = this.#options;
    this.#keepAlive?.cancel();
    this.#isClosed = true;
    this.#linger?.cancel();
    const reason = this.#cause ?? this.#retirement ?? 'peer-closed';
    this.#cause ??= reason;
    this.retire(reason);
    metrics.tunnelClosed(direction, reason, this.streamsCarried);
    const streams = this.streamsCarried;
    // Somebody who breaks the rules of HTTP/2 has proven who it is: the operator should hear of it.
    const level = reason === 'protocol-error' ? 'warn' : 'debug';
    logger[level](
      { event: 'tunnel-closed', direction, peer: peer.uri, reason, streams },
      `tunnel with ${peer.uri} closed: ${reason}`,
    );
    return reason;
  }

  /** Both sides of a session that has ended wait for the other's FIN; one must not wait for ever. */
  #lingerWhenDone(): void {
    const done = this.#retirement !== undefined && this.openStreams === 0;
    if (!done || this.#isClosed || this.#linger !== undefined) return;
    this.#linger = this.#options.clock.after(LINGER_MS, () => {
      this.#linger = undefined;
      if (this.openStreams === 0) this.#options.socket.destroy();
    });
  }

  #scheduleKeepAlive(): void {
    const { clock, limits } = this.#options;
    this.#keepAlive = clock.after(limits.pingIntervalMs, () => {
      if (this.lost) return;
      this.#keepAlive = clock.after(limits.pingTimeoutMs, () => this.destroy('keepalive-timeout'));
      this.session.ping((error) => {
        this.#keepAlive?.cancel();
        if (error === null && !this.lost) this.#scheduleKeepAlive();
      });
    });
  }
}
