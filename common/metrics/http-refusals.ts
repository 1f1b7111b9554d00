import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { MonotonicClock } from '../clock.ts';
import { systemErrorCode } from '../errors.ts';
import { createRateLimit } from '../rate-limit.ts';

/** Why a connection was ended without an answer to a request. A label of a metric: bounded. */
type HttpRefusal = 'not-http' | 'headers-too-large' | 'timeout' | 'too-many-connections';

/** What the client is told, if it reads at all. */
const STATUS: Record<HttpRefusal, string> = {
  'not-http': '400 Bad Request',
  'headers-too-large': '431 Request Header Fields Too Large',
  timeout: '408 Request Timeout',
  'too-many-connections': '503 Service Unavailable',
};

/** An attacker should fill a counter, not the disk. */
const LOG_RATE = { burst: 10, perSecond: 10 };

/** What refusing needs. */
export interface HttpRefusalOptions {
  /** As in the `listening` line. */
  readonly name: string;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  /** When there are more, the one that asked nothing for the longest time goes. */
  readonly maxConnections: number;
}

/**
 * Ends connections that do not speak HTTP, or not in time, and counts and logs why. Without it Node
 * does the same, without a report. Bounds the connections, so that a new request is answered.
 */
export function refuseWhatIsNotHttp(server: Server, options: HttpRefusalOptions): void {
  const { name, registry, logger, clock, maxConnections } = options;
  const mayLog = createRateLimit(clock, LOG_RATE);
  const counter = new Counter({
    name: 'hauberk_http_connections_refused_total',
    help: 'Connections to the port of metrics and health that were ended, by reason.',
    labelNames: ['reason'],
    registers: [registry],
  });
  for (const reason of Object.keys(STATUS)) counter.inc({ reason }, 0);
  const refused = (reason: HttpRefusal, client: string | undefined): void => {
    counter.inc({ reason });
    const line = { event: 'http-refused', listener: name, reason, client };
    if (mayLog()) logger.warn(line, `ended a connection to the ${name} port: ${reason}`);
  };
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    if (connections.size <= maxConnections) return;
    const [oldest] = connections;
    if (oldest === undefined) return;
    refused('too-many-connections', oldest.remoteAddress);
    connections.delete(oldest);
    oldest.destroy();
  });
  // A request makes its connection the youngest again: silent connections go first.
  server.on('request', ({ socket }) => {
    if (connections.delete(socket)) connections.add(socket);
  });
  server.on('clientError', (error, socket) => {
    const reason = reasonOf(error);
    if (reason === undefined) {
      socket.destroy();
      return;
    }
    refused(reason, remoteAddressOf(socket));
    const answer = `HTTP/1.1 ${STATUS[reason]}\r\nConnection: close\r\n\r\n`;
    // A client that does not read the answer is not waited for either.
    if (socket.writable) socket.write(answer, () => socket.destroy());
    else socket.destroy();
  });
}

/** Undefined when the client just went away. */
function reasonOf(error: Error): HttpRefusal | undefined {
  switch (systemErrorCode(error) ?? 'unknown') {
    case 'ECONNRESET':
    case 'EPIPE':
      return undefined;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'timeout';
    case 'HPE_HEADER_OVERFLOW':
      return 'headers-too-large';
    default:
      return 'not-http';
  }
}

function remoteAddressOf(socket: Duplex): string | undefined {
  return 'remoteAddress' in socket && typeof socket.remoteAddress === 'string'
    ? socket.remoteAddress
    : undefined;
}
