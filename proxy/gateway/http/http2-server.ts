import http2, {
  constants,
  type Http2Stream,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex, Writable } from 'node:stream';
import type { HttpLimits } from '../config/limits.ts';
import type { RequestRefusal } from '../refusal.ts';
import type { AnswerHead, Exchange } from './exchange.ts';
import { type Field, fieldsOf, http2HeadersOf } from './fields.ts';
import { refusalAnswer } from './refuse.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';

/** What to do with what clients say. */
export interface Http2Events {
  readonly limits: HttpLimits;
  readonly scheme: 'http' | 'https';
  request(exchange: Exchange, socket: Duplex): void;
  refused(reason: RequestRefusal, socket: Duplex): void;
}

/** Speaks HTTP/2 on connections that it is handed. */
export interface Http2Server {
  accept(socket: Duplex): void;
  /**
   * Tells clients to take new requests elsewhere, and ends each connection after its last answer. What
   * was on its way is refused in words that say that nobody looked at it: clients ask again.
   */
  refuse(): void;
}

/** Requests of one client at a time: what browsers expect, and what bounds the memory of a connection. */
const MAX_CONCURRENT_STREAMS = 100;

/** Resets that a client may send in a burst and per second, before it is taken for a flood. */
const RESETS = { streamResetBurst: 500, streamResetRate: 50 } as const;

/** Creates a server for HTTP/2. */
export function createHttp2Server(events: Http2Events): Http2Server {
  const { limits, scheme } = events;
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
    if (socket !== undefined) sessions.set(session, socket);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
    session.setTimeout(limits.idleSeconds * 1000, () => session.close());
    // The listener was changed during the handshake.
    if (isRefusing) session.close();
  });
  server.on('stream', (stream: ServerHttp2Stream, _headers, flags, raw: readonly string[] = []) => {
    stream.on('error', () => {});
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
    if ('refusal' in head)
      return refuse(stream, head.refusal, () => events.refused(head.refusal, socket));
    events.request(new Http2Exchange(head, stream, limits), socket);
  });
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

function refuse(stream: ServerHttp2Stream, reason: RequestRefusal, report: () => void): void {
  report();
  const { status, fields, body } = refusalAnswer(reason);
  stream.respond({ ...http2HeadersOf(fields), ':status': status });
  stream.end(body);
  stream.resume();
}

/**
 * Keeps node:http2 from ending a stream that it resets: by itself it sends END_STREAM before the
 * RST_STREAM, and what was cut short would look complete.
 */
function resetWithoutEnd(stream: Http2Stream): void {
  const endStream = stream._final.bind(stream);
  stream._final = (callback) => {
    if (stream.closed) callback();
    else endStream(callback);
  };
}

class Http2Exchange implements Exchange {
  readonly head: RequestHead;
  readonly closed: AbortSignal;
  readonly bodyLate: AbortSignal;
  readonly #stream: ServerHttp2Stream;
  #trailers: readonly Field[] = [];
  #answerTrailers: readonly Field[] = [];

  constructor(head: RequestHead, stream: ServerHttp2Stream, limits: HttpLimits) {
    this.head = head;
    this.#stream = stream;
    resetWithoutEnd(stream);
    const bodyLate = new AbortController();
    this.bodyLate = bodyLate.signal;
    const closed = new AbortController();
    this.closed = closed.signal;
    stream.once('close', () => closed.abort());
    stream.on('trailers', (_headers, _flags, raw: readonly string[] = []) => {
      this.#trailers = fieldsOf(raw);
    });
    if (!head.hasBody) return;
    const onLate = (): void => {
      // What has begun to be answered cannot be answered otherwise.
      if (this.answered) this.abort();
      else bodyLate.abort();
    };
    const late = setTimeout(onLate, limits.requestSeconds * 1000).unref();
    stream.once('end', () => clearTimeout(late));
    stream.once('close', () => clearTimeout(late));
  }

  get body(): ServerHttp2Stream {
    return this.#stream;
  }

  trailers(): readonly Field[] {
    return this.#trailers;
  }

  get answered(): boolean {
    return this.#stream.headersSent;
  }

  answer({ status, fields, ended, trailers }: AnswerHead): Writable {
    const stream = this.#stream;
    const headers = { ...http2HeadersOf(fields), ':status': status };
    const withTrailers = trailers && !ended;
    if (withTrailers) {
      stream.on('wantTrailers', () => {
        stream.sendTrailers(http2HeadersOf(this.#answerTrailers));
        this.#stopReading();
      });
    } else {
      stream.once('finish', () => this.#stopReading());
    }
    stream.respond(headers, { endStream: ended, waitForTrailers: withTrailers });
    return stream;
  }

  finish(trailers: readonly Field[]): void {
    this.#answerTrailers = trailers;
    this.#stream.end();
  }

  /** The answer is complete: who still sends is told that nobody listens (RFC 9113 section 8.1). */
  #stopReading(): void {
    const stream = this.#stream;
    if (!this.head.hasBody || stream.readableEnded) return;
    setImmediate(() => {
      if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  abort(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
