import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Counter } from 'prom-client';
import { ConnectionTable, type TableEntry } from '../budget/connection-table.ts';
import type { MonotonicClock } from '../clock.ts';
import { systemErrorCode } from '../errors.ts';
import { hostNetwork } from '../network/ip-address.ts';
import { createLogLimit } from '../rate-limit.ts';

/** Why a connection was ended without an answer to a request. A label of a metric: bounded. */
export const HTTP_REFUSALS = [
  'not-http',
  'headers-too-large',
  'timeout',
  'client-limit',
  'too-many-connections',
  'displaced',
  'record-flood',
] as const;

type HttpRefusal = (typeof HTTP_REFUSALS)[number];

/** What the client is told, if it reads at all. */
const STATUS = {
  'not-http': '400 Bad Request',
  'headers-too-large': '431 Request Header Fields Too Large',
  timeout: '408 Request Timeout',
} as const;

/** One client address may have this part of what the others leave. */
const CLIENT_FRACTION = 1 / 2;

/** What refusing needs. */
export interface HttpRefusalOptions {
  /** As in the `listening` line. */
  readonly name: string;
  /** Counts those that are ended. */
  readonly counter: Counter<'reason'>;
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  readonly maxConnections: number;
  /** See `ConnectionTableOptions`; by default its clients are hosts of our own networks. */
  readonly networkOf?: (address: string) => string;
  readonly halfSentAfterMs?: number;
}

/**
 * Ends connections that do not speak HTTP, or not in time, and counts and logs why. Without it Node
 * does the same, without a report. Bounds the connections, those of one client address in particular: when there is
 * no room, silent ones go first, so that a new request is answered.
 *
 * @returns what counts and logs a connection that was ended for another reason
 */
export function refuseWhatIsNotHttp(
  server: Server,
  options: HttpRefusalOptions,
): (reason: HttpRefusal, client: string | undefined) => void {
  const { name, counter, logger, clock, maxConnections, ...table } = options;
  const mayLog = createLogLimit(clock);
  for (const reason of HTTP_REFUSALS) counter.inc({ reason }, 0);
  const refused = (reason: HttpRefusal, client: string | undefined): void => {
    counter.inc({ reason });
    const line = { event: 'http-refused', listener: name, reason, client };
    if (mayLog()) logger.warn(line, `ended a connection to the ${name} port: ${reason}`);
  };
  const connections = new ConnectionTable({
    networkOf: hostNetwork,
    ...table,
    clock,
    capacity: () => maxConnections,
    clientFraction: () => CLIENT_FRACTION,
    displace(socket) {
      refused('displaced', socket.remoteAddress);
      socket.destroy();
    },
  });
  const entries = new Map<Duplex, TableEntry>();
  server.on('connection', (socket: Socket) => {
    const entry = connections.admit(socket, socket.remoteAddress ?? '');
    if (typeof entry === 'string') {
      refused(entry, socket.remoteAddress);
      socket.destroy();
      return;
    }
    entries.set(socket, entry);
    socket.once('close', () => {
      entries.delete(socket);
      entry.leave();
    });
  });
  // Over TLS the socket is another one, and carries one request.
  server.on('request', ({ socket }, response) => {
    const entry = entries.get(socket);
    entry?.begun();
    response.once('close', () => entry?.ended());
  });
  server.on('clientError', (error, socket) => {
    const reason = refusalOf(error);
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
  return refused;
}

/** Undefined when the client just went away. */
function refusalOf(error: Error): keyof typeof STATUS | undefined {
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
