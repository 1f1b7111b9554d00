import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Rate } from '../../../common/rate-limit.ts';
import type { Drainable } from '../../../common/lifecycle.ts';
import type { ServerConnection, ServerConnectionHandler } from '../../http/exchange.ts';
import { detectClient } from '../../http/observe/detect.ts';
import { serveHttp1 } from '../../http/http1/server-connection.ts';
import { SERVER_LIMITS } from '../../http/http2/limits.ts';
import { serveHttp2 } from '../../http/http2/serve.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import { peek, type Decision } from '../../stream/peek.ts';
import { resetSocket } from '../../stream/reset-socket.ts';
import { socketStream } from '../../stream/socket-stream.ts';
import { formatServicePort } from '../../../common/routes/route.ts';
import type { CountedRoutes, RoutedConnectionRefusal } from '../metrics.ts';
import type { RouteDependencies } from '../requests/route-dependencies.ts';
import { ServedRequest, serveRefusal } from '../requests/served-request.ts';
import type { RoutedService } from '../table/route-set.ts';

/** What serving connections of the application takes. */
export interface RoutedConnectionsOptions {
  readonly requests: RouteDependencies;
  readonly metrics: CountedRoutes;
  readonly clock: MonotonicClock;
  readonly memory: MemoryBudget;
  readonly guard: Pick<Guard, 'report'>;
  readonly logger: Logger;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
}

/**
 * A connection that says nothing for so long is ended: pools open connections ahead of time, and protocols in which the server
 * speaks first would hang for ever.
 */
const FIRST_BYTES_MS = 60_000;
/** More than the longest request line that is read. */
const MAX_FIRST_BYTES = 16 * 1024;

/** The application is trusted: its requests may be large and slow, but not without end. */
const HTTP1_LIMITS = { headerBytes: 64 * 1024, headersMs: 60_000, idleMs: 3_600_000 };

/** One channel of gRPC carries all calls of a process. */
const HTTP2_LIMITS = {
  ...SERVER_LIMITS,
  maxConcurrentStreams: 1_000,
  connectionWindowBytes: 16 * 1024 * 1024,
  headers: { maxListBytes: 64 * 1024, maxFields: 512 },
};

/** Deadlines of its calls are how an application of gRPC gives up: that is no attack. */
const CANCELLED: Rate = { burst: 100_000, perSecond: 100_000 };

/** Connections of the application to services that have routes. */
export class RoutedConnections implements Drainable {
  readonly #options: RoutedConnectionsOptions;
  readonly #connections = new Set<ServerConnection>();
  /** Connections that have said nothing yet. */
  readonly #silent = new Set<Socket>();
  #isDraining = false;
  #idleWaiters: (() => void)[] = [];

  constructor(options: RoutedConnectionsOptions) {
    this.#options = options;
  }

  /** Serves the requests of a connection that was not read yet, until it has ended. Never rejects. */
  async serve(socket: Socket, service: RoutedService): Promise<void> {
    socket.on('error', ignoreError);
    const { clock } = this.#options;
    const bounds = { clock, timeoutMs: FIRST_BYTES_MS, maxBytes: MAX_FIRST_BYTES };
    this.#silent.add(socket);
    const seen = await peek(socket, recognise, bounds);
    this.#silent.delete(socket);
    // A probe that only connects gets the end that it would get of an application.
    if (seen === 'ended' || socket.destroyed) return void socket.destroy();
    if (seen === 'late') return this.#refuse(socket, service, 'silent');
    if (seen === 'too-long') return this.#refuse(socket, service, 'not-http');
    const { value: spoken } = seen;
    if (spoken === 'tls' || spoken === 'not-http') return this.#refuse(socket, service, spoken);
    await this.#speak(socket, service, spoken);
  }

  refuse(): void {
    this.#isDraining = true;
    // Opened ahead of need: nothing is lost with them, and they would be waited for.
    for (const socket of this.#silent) socket.destroy();
    for (const connection of this.#connections) connection.drain();
  }

  idle(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  force(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  close(): void {
    this.force();
  }

  #speak(socket: Socket, service: RoutedService, spoken: 'http1' | 'http2'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { clock, memory, requests, guard } = this.#options;
    const stream = socketStream(socket, { clientClock: clock });
    const served: { connection?: ServerConnection; isClosed: boolean } = { isClosed: false };
    const handler: ServerConnectionHandler = {
      request(exchange) {
        try {
          const found = service.table.find(exchange.request);
          if ('reason' in found) serveRefusal(exchange, service, found, requests);
          else new ServedRequest(exchange, service, found, requests).serve();
        } catch (error) {
          // A mistake of the program costs this request, and not all of its connection.
          guard.report('outbound', error);
          exchange.reset();
        }
      },
      refused: ({ reason, sentence }) => this.#tell(service, reason, sentence),
      closed: () => {
        served.isClosed = true;
        if (served.connection !== undefined) this.#forget(served.connection);
        resolve();
      },
    };
    const owner = formatServicePort(service.target);
    const connection =
      spoken === 'http2'
        ? serveHttp2(stream, {
            handler,
            clock,
            budget: memory,
            owner,
            limits: HTTP2_LIMITS,
            cancelled: CANCELLED,
          })
        : serveHttp1(stream, { scheme: 'http', clock, limits: HTTP1_LIMITS }, handler);
    if (served.isClosed) return promise;
    served.connection = connection;
    this.#connections.add(connection);
    if (this.#isDraining) connection.drain();
    return promise;
  }

  #forget(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #refuse(socket: Socket, service: RoutedService, reason: keyof typeof SENTENCES): void {
    resetSocket(socket);
    this.#tell(service, reason, SENTENCES[reason]);
  }

  #tell(service: RoutedService, reason: RoutedConnectionRefusal, sentence: string): void {
    const { metrics, logger, mayLog } = this.#options;
    metrics.connectionRefused(reason);
    if (!mayLog()) return;
    const name = formatServicePort(service.target);
    logger.warn(
      { event: 'routed-connection-refused', service: name, reason },
      `refused a connection to ${name}, which has routes: ${sentence}`,
    );
  }
}

/** A TLS record that carries a ClientHello (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;

function recognise(bytes: Buffer): Decision<'http1' | 'http2' | 'tls' | 'not-http'> {
  if (bytes[0] === TLS_HANDSHAKE) return { kind: 'done', value: 'tls', taken: 0 };
  const spoken = detectClient(bytes);
  if (spoken === undefined) return { kind: 'wait' };
  return { kind: 'done', value: spoken === 'tcp' ? 'not-http' : spoken, taken: 0 };
}

const SENTENCES = {
  silent: `expected a request of HTTP, got nothing for ${FIRST_BYTES_MS / 1000} s`,
  'not-http': 'expected a request of HTTP, got other bytes; take the port out of the routes',
  tls: 'expected a request of HTTP in plaintext, got TLS; the mesh encrypts it, or take the port out of the routes',
} as const;
