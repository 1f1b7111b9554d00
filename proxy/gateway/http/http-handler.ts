import type net from 'node:net';
import type { ConnectionActivity } from '../../../common/budget/connection-table.ts';
import type { Guard } from '../../../common/guard.ts';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { detectVersion } from '../../http/serve/detect-version.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import { socketStream } from '../../stream/socket-stream.ts';
import type { Tracer } from '../../tracing/tracer.ts';
import type { HttpRoute, TerminateConfig } from '../config/gateway-file.ts';
import type { HttpLimits } from '../config/limits.ts';
import type { ListenerHandler, ListenerHandlerDependencies } from '../handler.ts';
import { createTlsTermination } from '../tls/terminate.ts';
import type { RequestLog } from './access-log.ts';
import { clientCertificateField } from './client-certificate.ts';
import { HttpConnection, type HttpConnectionContext } from './http-connection.ts';
import { RequestHandler } from './request-handler.ts';
import type { Upstreams } from './upstreams.ts';

/** The part of a listener's configuration that says how it speaks HTTP. */
export interface HttpConfig {
  readonly routes: readonly HttpRoute[];
  readonly limits: HttpLimits;
  /** Undefined for plaintext. */
  readonly tls?: TerminateConfig;
}

/** What speaking HTTP needs besides. */
export interface HttpHandlerDependencies extends ListenerHandlerDependencies {
  readonly upstreams: Upstreams;
  readonly guard: Guard;
  /** Bounds what waits in memory for slow readers. */
  readonly memory: MemoryBudget;
  /** Undefined while requests are not logged. */
  readonly requestLog: RequestLog | undefined;
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined;
}

/** Speaks HTTP with clients, and leads each request where its host and path say. */
export function createHttpHandler(
  { routes, limits, tls }: HttpConfig,
  files: ReadonlyMap<string, string>,
  dependencies: HttpHandlerDependencies,
): ListenerHandler {
  const { clock, guard, memory, refuse } = dependencies;
  const connections = new Set<HttpConnection>();
  const scheme = tls === undefined ? 'http' : 'https';
  const mayLog = createLogLimit(clock);
  const requests = new RequestHandler({ ...dependencies, routes, limits, mayLog, scheme });
  const headersMs = Math.min(limits.headersSeconds, limits.requestSeconds) * 1000;
  const context: HttpConnectionContext = {
    requests,
    guard,
    clock,
    memory,
    scheme,
    clientFraction: limits.clientPercent / 100,
    limits: {
      headerBytes: limits.headerBytes,
      headersMs,
      idleMs: limits.idleSeconds * 1000,
    },
  };
  const termination =
    tls === undefined
      ? undefined
      : createTlsTermination({ config: tls, files, protocols: ['h2', 'http/1.1'], refuse, clock });
  let isRefusing = false;

  const open = (
    address: string,
    activity: ConnectionActivity,
    certificate?: string,
  ): HttpConnection => {
    const connection = new HttpConnection({ address, certificate }, activity, context);
    connections.add(connection);
    return connection;
  };
  const servePlaintext = (connection: HttpConnection, stream: ByteStream): void => {
    detectVersion(
      stream,
      { clock, timeoutMs: headersMs },
      {
        speaks(version, spoken) {
          const begin = (): void => {
            connection.serve(version, spoken);
            if (isRefusing) connection.drain();
          };
          guard.run('gateway', begin, () => spoken.reset());
        },
        late: () => connection.refuseLate(stream),
        closed: () => connection.closed(),
      },
    );
  };
  const serve: ListenerHandler['serve'] = async (raw, { client }, activity) => {
    const { address } = client;
    const secured = await termination?.accept(raw, address);
    if (termination !== undefined && secured === undefined) return;
    const certificate =
      secured?.clientCertificate && clientCertificateField(secured.clientCertificate);
    const connection = open(address, activity, certificate);
    try {
      if (secured === undefined)
        servePlaintext(connection, socketStream(raw, { clientClock: clock }));
      else {
        const { socket, reset } = secured;
        const stream = socketStream(socket, { reset, clientClock: clock });
        connection.serve(socket.alpnProtocol === 'h2' ? 'h2' : 'http/1', stream);
        if (isRefusing) connection.drain();
      }
      await closed(raw);
    } finally {
      connections.delete(connection);
    }
  };
  return {
    ...(termination === undefined
      ? {}
      : { certificateNotAfterMs: termination.certificateNotAfterMs }),
    serve,
    refuse() {
      isRefusing = true;
      for (const connection of connections) connection.drain();
    },
  };
}

async function closed(socket: net.Socket): Promise<void> {
  if (socket.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('close', () => resolve());
  await promise;
}
