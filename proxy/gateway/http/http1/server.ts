import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type { MonotonicClock } from '../../../../common/clock.ts';
import { systemErrorCode } from '../../../../common/errors.ts';
import { ignoreError } from '../../../../common/ignored.ts';
import type { HttpLimits } from '../../config/limits.ts';
import type { RequestRefusal } from '../../refusal.ts';
import type { Exchange } from '../exchange.ts';
import { fieldsOf, rawOf } from '../fields.ts';
import { Connections } from './connections.ts';
import { Http1Exchange } from './exchange.ts';
import { answerOwn, refusalAnswer } from '../refuse.ts';
import { asksForWebSocket, readRequestHead } from '../request-head.ts';
import { watchIdleness } from '../stream-idle.ts';

/** What to do with what clients say. */
export interface Http1Events {
  readonly clock: MonotonicClock;
  readonly limits: HttpLimits;
  /** Whether the connection, as it was handed over, is encrypted. */
  readonly scheme: 'http' | 'https';
  /** Runs what a request begins with; where it throws, `otherwise` gives the request up, and nothing else. */
  guarded(work: () => void, otherwise: () => void): void;
  request(exchange: Exchange, socket: Duplex): void;
  /** A WebSocket is asked for; `leftover` is what came after the request. */
  webSocket(exchange: Exchange, socket: Duplex, leftover: Buffer): void;
  refused(reason: RequestRefusal, socket: Duplex): void;
  /** Breaks a connection off, so that the client sees no orderly end. */
  reset(socket: Duplex): void;
}

/** Speaks HTTP/1 on connections that it is handed. */
export interface Http1Server {
  accept(socket: net.Socket): void;
  /** Answers, and ends, a connection that was not accepted, since nothing came that could be read. */
  refuseConnection(reason: RequestRefusal, socket: net.Socket): void;
  /**
   * Ends each connection after its next answer, which says so, and those on which no other request comes
   * within `RETIRED_IDLE_MS`. HTTP/1 cannot call a request back that is on its way: an idle connection
   * that ended at once would lose it.
   */
  refuse(): void;
}

/** Longer than a client rests that is at work, and short enough not to hold up the end of a gateway. */
const RETIRED_IDLE_MS = 5_000;

/** How often connections are looked at that are too slow. */
const CHECK_INTERVAL_MS = 1_000;

/**
 * Creates a server for HTTP/1. The parser of Node.js, in its strict form, refuses lengths that
 * contradict each other, folded fields and bare line feeds; `readRequestHead` refuses what it lets pass.
 */
export function createHttp1Server(events: Http1Events): Http1Server {
  const { limits } = events;
  const connections = new Connections(events);
  const server = http.createServer({
    insecureHTTPParser: false,
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytes,
    // The fields are a part of the request.
    headersTimeout: Math.min(limits.headersSeconds, limits.requestSeconds) * 1000,
    // It would end what is being answered, too.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleSeconds * 1000,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    shouldUpgradeCallback: (request) => asksForWebSocket(fieldsOf(request.rawHeaders)),
  });
  // Beyond a count, fields would be left out without a word: they are bounded by their size.
  server.maxHeadersCount = 0;
  const begin = (request: http.IncomingMessage, response: http.ServerResponse) =>
    openExchange(request, response, { events, connections });
  const onRequest = (
    event: 'request' | 'checkContinue' | 'checkExpectation',
    act: (exchange: Exchange, socket: Duplex, response: http.ServerResponse) => void,
  ): void => {
    server.on(event, (request: http.IncomingMessage, response: http.ServerResponse) => {
      const { socket } = request;
      const work = (): void => {
        const exchange = begin(request, response);
        if (exchange !== undefined) act(exchange, socket, response);
      };
      events.guarded(work, () => events.reset(socket));
    });
  };
  onRequest('request', (exchange, socket) => events.request(exchange, socket));
  onRequest('checkContinue', (exchange, socket, response) => {
    const { contentLength = 0 } = exchange.head;
    if (contentLength <= limits.bodyBytes) response.writeContinue();
    events.request(exchange, socket);
  });
  onRequest('checkExpectation', (exchange, socket) => {
    connections.refused('expectation', socket);
    answerOwn(exchange, refusalAnswer('expectation'));
  });
  const upgrade = (request: http.IncomingMessage, socket: Duplex, leftover: Buffer): void => {
    const response = new http.ServerResponse(request);
    // Only the one answer is written: the connection is the WebSocket's, or ends.
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => request.socket.destroySoon());
    const exchange = begin(request, response);
    if (exchange === undefined) return;
    if (exchange.head.hasBody || exchange.head.method !== 'GET') {
      connections.refused('malformed', socket);
      return answerOwn(exchange, refusalAnswer('malformed'));
    }
    events.webSocket(exchange, socket, leftover);
  };
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, leftover: Buffer) => {
    events.guarded(
      () => upgrade(request, socket, leftover),
      () => events.reset(socket),
    );
  });
  server.on('connect', (_request: http.IncomingMessage, socket: Duplex) => {
    connections.refuseRaw('method-not-allowed', socket);
  });
  server.on('clientError', (error, socket) => {
    const reason = refusalOf(error);
    if (reason === undefined) socket.destroy();
    else connections.refuseRaw(reason, socket);
  });
  const sockets = new Set<net.Socket>();
  let isWatching = false;
  const closeWhenUnused = (): void => {
    if (!connections.closing || sockets.size > 0) return;
    // Ends the watch, which would outlive a listener that is changed.
    server.close();
    isWatching = false;
  };
  return {
    accept(socket) {
      // It does not listen itself; this starts its watch over slow connections. Again where the listener
      // was changed during a handshake.
      if (!isWatching) server.emit('listening');
      isWatching = true;
      sockets.add(socket);
      connections.accepted(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        connections.closed(socket);
        closeWhenUnused();
      });
      server.emit('connection', socket);
    },
    refuseConnection: (reason, socket) => connections.refuseRaw(reason, socket),
    refuse() {
      connections.closing = true;
      const idleMs = Math.min(RETIRED_IDLE_MS, limits.idleSeconds * 1000);
      server.keepAliveTimeout = idleMs;
      for (const socket of sockets) {
        if (connections.isIdle(socket)) socket.setTimeout(idleMs);
      }
      closeWhenUnused();
    },
  };
}

/** Undefined when the client just went away. */
function refusalOf(error: Error): RequestRefusal | undefined {
  switch (systemErrorCode(error) ?? 'unknown') {
    case 'ECONNRESET':
    case 'EPIPE':
      return undefined;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'too-late';
    case 'HPE_HEADER_OVERFLOW':
      return 'headers-too-large';
    default:
      return 'malformed';
  }
}

interface ExchangeOptions {
  readonly events: Http1Events;
  readonly connections: Connections;
}

/** @returns undefined when the request was refused */
function openExchange(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { events, connections }: ExchangeOptions,
): Exchange | undefined {
  const { socket } = request;
  const { clock, limits } = events;
  const reset = (): void => events.reset(socket);
  response.on('error', ignoreError);
  request.on('error', ignoreError);
  if (connections.isRefused(socket)) return undefined;
  const head = readRequestHead({
    version: request.httpVersion,
    method: request.method ?? '',
    scheme: events.scheme,
    target: request.url ?? '',
    fields: fieldsOf(request.rawHeaders),
  });
  if ('refusal' in head) {
    connections.refused(head.refusal, socket);
    const { status, fields, body } = refusalAnswer(head.refusal);
    response.shouldKeepAlive = false;
    watchIdleness({ clock, idleMs: limits.streamIdleSeconds * 1000, until: response }, reset);
    response.writeHead(status, rawOf(fields)).end(body);
    return undefined;
  }
  connections.begun(socket, response);
  const isClosing = (): boolean => connections.closing;
  const onIdle = (): void => events.refused('stream-idle', socket);
  return new Http1Exchange(head, { request, response, clock, limits, isClosing, reset, onIdle });
}
