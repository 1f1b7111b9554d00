import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { MonotonicClock } from '../../../common/clock.ts';
import { bridge, pump } from '../bridge.ts';
import type { Exchange } from './exchange.ts';
import { breakWith } from './http1/client.ts';
import { endToEnd, type Field, fieldsOf, rawOf } from './fields.ts';
import type { RequestHead } from './request-head.ts';
import type { HttpDestination, ServiceClients } from './service-clients.ts';
import { watchIdleness } from './stream-idle.ts';

/** What carrying a WebSocket takes. */
export interface WebSocketOptions {
  readonly destination: HttpDestination;
  /** What the service is asked: the exchange's own, but for the name of the host. */
  readonly head: RequestHead;
  readonly fields: readonly Field[];
  readonly socket: Duplex;
  /** What the client sent after its request. */
  readonly leftover: Buffer;
  readonly clients: ServiceClients;
  readonly clock: MonotonicClock;
  readonly responseMs: number;
  /** For how long nothing may move; 0 for ever. */
  readonly idleSeconds: number;
  /** Is told when it was broken off for that. */
  readonly onIdle: () => void;
  /** Breaks the client's connection off. */
  readonly reset: () => void;
}

/** Both of these are for one connection, so that each hop says them again (RFC 9110 section 7.8). */
const UPGRADE: readonly Field[] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
];

/** What a service said to a wish to speak WebSocket. */
type Reply =
  | {
      readonly kind: 'switched';
      readonly response: http.IncomingMessage;
      readonly socket: Duplex;
      readonly leftover: Buffer;
    }
  | { readonly kind: 'answered'; readonly response: http.IncomingMessage };

/**
 * Asks the service for a WebSocket, and carries it when the service agrees; otherwise its answer is
 * the client's.
 *
 * @returns the status, when it is over. Throws when the service does not answer.
 */
export async function carryWebSocket(
  exchange: Exchange,
  options: WebSocketOptions,
): Promise<number> {
  const { socket, reset, clock, idleSeconds, onIdle } = options;
  const client = holdClient(options);
  const reply = await ask(exchange, options).finally(client.release);
  const status = reply.response.statusCode ?? 0;
  const fields = endToEnd(fieldsOf(reply.response.rawHeaders));
  if (reply.kind === 'answered') {
    const head = { status, fields, ended: false, trailers: false, close: true, idleSeconds };
    try {
      await pump(reply.response, exchange.answer(head), () => exchange.moved());
    } catch (error) {
      // The rest is not read, and its connection would stay for good.
      reply.response.destroy();
      throw error;
    }
    exchange.finish([]);
    return status;
  }
  const lines = [...fields, ...UPGRADE].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`, 'latin1');
  if (reply.leftover.length > 0) socket.write(reply.leftover);
  for (const chunk of client.early) reply.socket.write(chunk);
  const watch = watchIdleness({ clock, idleMs: idleSeconds * 1000, until: socket }, () => {
    onIdle();
    reset();
    reply.socket.destroy();
  });
  if ((await bridge(socket, reply.socket, watch.moved)) === 'broken') reset();
  return status;
}

/** What a client may send before it has heard that it may. */
const MAX_EARLY_BYTES = 64 * 1024;

/** The client while the service is asked. */
interface HeldClient {
  /** What it sent in the meantime. */
  readonly early: readonly Buffer[];
  /** Stops reading from it. */
  release(): void;
}

/**
 * Reads what the client sends before it is carried, since otherwise its end would not be seen. Half of a
 * connection cannot become a WebSocket: who ends it has given up.
 */
function holdClient({
  socket,
  leftover,
  reset,
}: Pick<WebSocketOptions, 'socket' | 'leftover' | 'reset'>): HeldClient {
  const early = leftover.length > 0 ? [leftover] : [];
  let bytes = leftover.length;
  const onData = (chunk: Buffer): void => {
    early.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_EARLY_BYTES) socket.pause();
  };
  socket.on('data', onData).once('end', reset);
  return {
    early,
    release() {
      socket.pause();
      socket.off('data', onData).off('end', reset);
    },
  };
}

async function ask(
  { closed }: Exchange,
  { destination, head, fields, clients, responseMs }: WebSocketOptions,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const request = http.request({
    agent: clients.agent(destination),
    method: head.method,
    path: head.target,
    host: 'service.mesh',
    headers: rawOf([['Host', head.authority ?? ''], ...fields, ...UPGRADE]),
    setHost: false,
    insecureHTTPParser: false,
    signal: responseMs === 0 ? closed : AbortSignal.any([closed, AbortSignal.timeout(responseMs)]),
  });
  request.on('upgrade', (response, socket, leftover) => {
    resolve({ kind: 'switched', response, socket, leftover });
  });
  request.on('response', (response) => {
    breakWith(request, response);
    resolve({ kind: 'answered', response });
  });
  request.on('error', reject);
  request.end();
  return await promise;
}
