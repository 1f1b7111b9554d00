import http2, { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { MonotonicClock } from '../../../../common/clock.ts';
import { systemErrorCode } from '../../../../common/errors.ts';
import { ignoreError } from '../../../../common/ignored.ts';
import type { HttpLimits } from '../../config/limits.ts';
import type { RequestRefusal } from '../../refusal.ts';
import type { Exchange } from '../exchange.ts';
import { fieldsOf, http2HeadersOf } from '../fields.ts';
import { beginAnswer, Http2Exchange, type StreamContext, watchAnswer } from './exchange.ts';
import { closeWhenUnused } from './unused.ts';
import { refusalAnswer } from '../refuse.ts';
import { readRequestHead } from '../request-head.ts';

/** What to do with what clients say. */
export interface Http2Events {
  readonly clock: MonotonicClock;
  readonly limits: HttpLimits;
  readonly scheme: 'http' | 'https';
  /** Runs what a request begins with; where it throws, `otherwise` gives the request up, and nothing else. */
  guarded(work: () => void, otherwise: () => void): void;
  request(exchange: Exchange, socket: Duplex): void;
  refused(reason: RequestRefusal, socket: Duplex): void;
  /** Breaks a connection off, so that the client sees no orderly end. */
  reset(socket: Duplex): void;
}

/** Speaks HTTP/2 on connections that it is handed. */
export interface Http2Server {
  accept(socket: Duplex): void;
  /**
   * Tells clients to take new requests elsewhere, and ends each connection after its last answer. What
   * was on its way is refused as unprocessed: clients ask again.
   */
  refuse(): void;
}

/** Requests of one client at a time: what browsers expect, and what bounds the memory of a connection. */
const MAX_CONCURRENT_STREAMS = 100;

/**
 * Resets that a client may send in a burst and per second, before it is taken for a flood: each is half a
 * millisecond of work. A browser that leaves a page twice gives up all streams twice.
 */
const RESETS = { streamResetBurst: 200, streamResetRate: 50 } as const;

/** Creates a server for HTTP/2. */
export function createHttp2Server(events: Http2Events): Http2Server {
  const { clock, limits, scheme } = events;
  const sessions = new Map<Http2Session, Duplex>();
  let isRefusing = false;
  const server = http2.createServer({
    ...RESETS,
    settings: {
      maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
      maxHeaderListSize: limits.headerBytes,
      enablePush: false,
    },
  });
  let arriving: Duplex | undefined;
  server.on('session', (session) => {
    const socket = arriving;
    session.on('error', (error) => {
      // Of node:http2: a client that breaks the rules, or floods. Others are just gone.
      const isTheirs = systemErrorCode(error)?.startsWith('ERR_HTTP2_') === true;
      if (isTheirs && socket !== undefined) events.refused('malformed', socket);
    });
    if (socket === undefined) return session.destroy();
    sessions.set(session, socket);
    session.on('close', () => sessions.delete(session));
    const idleMs = limits.idleSeconds * 1000;
    closeWhenUnused(session, { clock, idleMs, reset: () => events.reset(socket) });
    // The listener was changed during the handshake.
    if (isRefusing) session.close();
  });
  server.on('stream', (stream: ServerHttp2Stream, _headers, flags, raw: readonly string[] = []) => {
    stream.on('error', ignoreError);
    events.guarded(
      () => begin(stream, flags, raw),
      () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    );
  });
  const begin = (stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void => {
    const { session } = stream;
    const socket = session === undefined ? undefined : sessions.get(session);
    if (socket === undefined) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const all = fieldsOf(raw);
    const pseudo = (name: string): string | undefined => all.find(([own]) => own === name)?.[1];
    const head = readRequestHead({
      version: '2.0',
      scheme,
      method: pseudo(':method') ?? '',
      target: pseudo(':path') ?? '',
      authority: pseudo(':authority'),
      fields: all.filter(([name]) => !name.startsWith(':')),
      hasBody: (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0,
    });
    const context: StreamContext = {
      clock,
      limits,
      reset: () => events.reset(socket),
      onIdle: () => events.refused('stream-idle', socket),
    };
    if (!('refusal' in head)) {
      return events.request(new Http2Exchange(head, stream, context), socket);
    }
    events.refused(head.refusal, socket);
    watchAnswer(stream, limits.streamIdleSeconds, context);
    refuse(stream, head.refusal);
  };
  return {
    accept(socket) {
      // HTTP/2 has no half of a connection, but ours come half-open capable, and would stay.
      socket.once('end', () => socket.destroy());
      arriving = socket;
      server.emit('connection', socket);
      arriving = undefined;
    },
    refuse() {
      isRefusing = true;
      for (const session of sessions.keys()) session.close();
    },
  };
}

function refuse(stream: ServerHttp2Stream, reason: RequestRefusal): void {
  const { status, fields, body } = refusalAnswer(reason);
  if (!beginAnswer(stream, { ...http2HeadersOf(fields), ':status': status }, {})) return;
  stream.end(body);
  stream.resume();
}
