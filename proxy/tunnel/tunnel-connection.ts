import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { RecordWatch } from '../../common/tls/record-watch.ts';
import { Http2Connection } from '../http2/connection.ts';
import type { ConnectionHandler } from '../http2/connection.ts';
import type { ConnectionLimits } from '../http2/connection-limits.ts';
import { serveConnect } from '../http2/connect-requests.ts';
import type { HeaderField } from '../http2/hpack/static-table.ts';
import { ConnectionError } from '../http2/http2-error.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import type { Http2Stream } from '../http2/stream.ts';
import { SocketTransport } from '../http2/transport/socket-transport.ts';
import type { Direction, TunnelMetrics } from '../metrics/proxy-metrics.ts';
import type { SocketReader } from '../stream/socket-reader.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import type { TunnelLimits } from './tunnel-limits.ts';
import type { TunnelEnd } from './tunnel.ts';

/** A connection whose peer has been authenticated. */
export interface TunnelConnectionOptions {
  readonly reader: SocketReader<TLSSocket>;
  readonly records: RecordWatch;
  readonly direction: Direction;
  readonly peer: AuthenticatedPeer;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: TunnelMetrics;
  readonly limits: TunnelLimits;
  readonly http2: ConnectionLimits;
  readonly memory: MemoryBudget;
}

/** What differs between the sides. */
export interface TunnelSide {
  /** The peer asks for a stream. */
  readonly connect: (stream: Http2Stream, authority: string) => void;
  /** False while a peer that does not know yet that it is retired may still open streams. */
  mayEnd(): boolean;
}

/**
 * What both sides of a tunnel share: keep-alive, the count of streams, and one reason for its end.
 *
 *     open ──retire(reason)──> retired ──last stream ends──> closed (that reason)
 *       └────────destroy(reason), or the connection breaks────^      (that reason)
 */
export class TunnelConnection implements ConnectionHandler {
  readonly http2: Http2Connection;
  readonly peer: AuthenticatedPeer;
  readonly closing: Promise<TunnelEnd>;
  /** Resolves when no new stream is taken any more; at the latest when it is closed. */
  readonly retired: Promise<void>;
  /** Resolves when the peer has accepted us: its SETTINGS have come. */
  readonly acceptance: Promise<void>;
  streamsCarried = 0;
  readonly #options: TunnelConnectionOptions;
  readonly #side: TunnelSide;
  readonly #resolveClosed: (end: TunnelEnd) => void;
  readonly #resolveRetired: () => void;
  readonly #resolveAccepted: () => void;
  /** Why it takes nothing new; the reason of the end unless it breaks before. */
  #retirement: TunnelEnd | undefined;
  #cause: TunnelEnd | undefined;
  #keepAlive: Timer | undefined;
  #isCounted = false;

  constructor(options: TunnelConnectionOptions, side: TunnelSide) {
    const closed = Promise.withResolvers<TunnelEnd>();
    const retired = Promise.withResolvers<void>();
    const accepted = Promise.withResolvers<void>();
    this.peer = options.peer;
    this.closing = closed.promise;
    this.retired = retired.promise;
    this.acceptance = accepted.promise;
    this.#resolveClosed = closed.resolve;
    this.#resolveRetired = retired.resolve;
    this.#resolveAccepted = accepted.resolve;
    this.#options = options;
    this.#side = side;
    this.http2 = new Http2Connection({
      role: options.direction === 'outbound' ? 'client' : 'server',
      transport: new SocketTransport(options.reader.socket, (receiver) =>
        options.reader.readInto(receiver),
      ),
      handler: this,
      limits: options.http2,
      budget: options.memory,
      owner: options.peer.spiffeId.uri,
      clock: options.clock,
    });
    const { reader, records, logger } = options;
    const { uri } = options.peer.spiffeId;
    const onFlood = (): void => {
      logger.warn(
        { event: 'record-flood', peer: uri },
        `expected TLS records with data of ${uri}, got too many without (KeyUpdate); its tunnel was closed`,
      );
      this.destroy('record-flood');
    };
    records.onFlood(reader.socket, onFlood);
  }

  /** Counts it as a tunnel from now on, and watches whether the peer is there. */
  open(): void {
    this.#isCounted = true;
    this.#options.metrics.tunnelOpened(this.#options.direction);
    this.#scheduleKeepAlive();
  }

  /** True once the connection under the streams is gone, or is about to be. */
  get lost(): boolean {
    return this.#cause !== undefined || this.http2.isClosed;
  }

  /** True when it takes no new streams any more. */
  get isRetired(): boolean {
    return this.#retirement !== undefined || this.lost;
  }

  get openStreams(): number {
    return this.http2.openStreams;
  }

  /** Takes no new streams, and ends when the last one has; the first reason stays. */
  retire(reason: TunnelEnd): void {
    this.#retirement ??= reason;
    this.#resolveRetired();
    this.endWhenDone();
  }

  /** Ends it if it is retired and carries nothing. */
  endWhenDone(): void {
    const isDone = this.#retirement !== undefined && this.openStreams === 0;
    if (isDone && this.#side.mayEnd()) this.http2.end();
  }

  /** Ends it at once. Open streams are lost, and must not look as if they had ended well. */
  destroy(reason: TunnelEnd): void {
    this.#cause ??= reason;
    this.http2.destroy();
    this.retire(reason);
  }

  // What follows is called by the connection.

  request(connection: Http2Connection, stream: Http2Stream, fields: readonly HeaderField[]): void {
    serveConnect(connection, stream, fields, this.#side.connect);
  }

  streamClosed(): void {
    this.endWhenDone();
  }

  settings(): void {
    this.#resolveAccepted();
  }

  goaway(code: number): void {
    this.retire(code === 0 ? 'goaway' : 'protocol-error');
  }

  closed(error: Error | undefined): void {
    const { metrics, direction, logger } = this.#options;
    const { uri } = this.peer.spiffeId;
    this.#keepAlive?.cancel();
    const broke = error instanceof ConnectionError ? 'protocol-error' : 'transport-error';
    const reason = this.#cause ?? (error && broke) ?? this.#retirement ?? 'peer-closed';
    this.#cause ??= reason;
    this.retire(reason);
    if (this.#isCounted) {
      metrics.tunnelClosed(direction, reason, this.streamsCarried);
      // A peer that breaks the rules of HTTP/2 is authenticated: the operator should hear of it.
      const level = reason === 'protocol-error' ? 'warn' : 'debug';
      const detail = { streams: this.streamsCarried, detail: error?.message };
      const line = { event: 'tunnel-closed', direction, peer: uri, reason, ...detail };
      logger[level](line, `tunnel with ${uri} closed: ${reason}`);
    }
    this.#resolveClosed(reason);
  }

  #scheduleKeepAlive(): void {
    const { clock, limits } = this.#options;
    this.#keepAlive = clock.after(limits.pingIntervalMs, () => {
      if (this.lost) return;
      this.#keepAlive = clock.after(limits.pingTimeoutMs, () => this.destroy('keepalive-timeout'));
      this.http2.ping(() => {
        this.#keepAlive?.cancel();
        if (!this.lost) this.#scheduleKeepAlive();
      });
    });
  }
}
