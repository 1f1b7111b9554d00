import { systemClock, type MonotonicClock } from '../../../../common/clock.ts';
import type {
  BodyReceiver,
  ClientConnection,
  ClientExchange,
  ProtocolRefusal,
  ResponseReceiver,
  ServerConnection,
  ServerExchange,
} from '../../../../proxy/http/exchange.ts';
import { connectHttp1 } from '../../../../proxy/http/http1/client-connection.ts';
import {
  type Http1ServerLimits,
  serveHttp1,
} from '../../../../proxy/http/http1/server-connection.ts';
import type { Field, RequestHead, ResponseHead } from '../../../../proxy/http/message.ts';
import type { ByteStream, StreamClose } from '../../../../proxy/stream/byte-stream.ts';
import { FakeStream } from '../../stream/fake-stream.ts';

export const LIMITS: Http1ServerLimits = { headerBytes: 8_192, headersMs: 15_000, idleMs: 75_000 };

/** A stream whose other end is the test, in latin1. */
export class Wire extends FakeStream {
  get sentText(): string {
    return Buffer.concat(this.sent).toString('latin1');
  }

  /** Bytes come, in pieces of that size at most. */
  comes(text: string, pieceBytes = Infinity): boolean | undefined {
    let goesOn: boolean | undefined = true;
    for (let at = 0; at < text.length; at += pieceBytes) {
      const chunk = Buffer.from(text.slice(at, at + pieceBytes), 'latin1');
      goesOn = this.receiver?.data(chunk, false, false);
      chunk.fill(0xff);
    }
    return goesOn;
  }

  peerEnds(): void {
    this.receiver?.end();
  }
}

/** Hears one message's body, and takes it at once unless it is told to stall. */
export class Listener implements BodyReceiver {
  readonly events: string[] = [];
  body = '';
  trailers: readonly Field[] | undefined;
  isStalled = false;
  writtenBytes = 0;
  exchange: ServerExchange | ClientExchange | undefined;

  data(chunk: Buffer, _more?: boolean, _isOwned?: boolean): boolean {
    this.body += chunk.toString('latin1');
    if (!this.isStalled) this.exchange?.consumed(chunk.length);
    return !this.isStalled;
  }

  end(trailers?: readonly Field[]): void {
    this.trailers = trailers;
    this.events.push('end');
  }

  written(bytes: number): void {
    this.writtenBytes += bytes;
  }

  spare(): void {}

  closed(how: StreamClose): void {
    this.events.push(how);
  }
}

/** Hears a response too. */
export class ResponseListener extends Listener implements ResponseReceiver {
  readonly informs: ResponseHead[] = [];
  response: ResponseHead | undefined;
  isWhole: boolean | undefined;

  informed(head: ResponseHead): void {
    this.informs.push(head);
  }

  responded(head: ResponseHead, isWhole: boolean): void {
    this.response = head;
    this.isWhole = isWhole;
    if (isWhole) this.events.push('whole');
  }
}

/** A request that was served, and what was heard of it. */
export interface Served {
  readonly exchange: ServerExchange;
  readonly listener: Listener;
}

/** A server's end of a connection. */
export interface ServerSide<S extends ByteStream> {
  readonly stream: S;
  readonly connection: ServerConnection;
  readonly served: Served[];
  readonly refused: ProtocolRefusal[];
  readonly closes: { count: number };
}

/** What can be told to `serve`. */
export interface ServeOptions {
  readonly clock?: MonotonicClock;
  readonly limits?: Partial<Http1ServerLimits>;
  /** What to do with a request; by default it is listened to, and started. */
  readonly onRequest?: (served: Served) => void;
}

/** Serves a stream, keeping what comes. */
export function serveOn<S extends ByteStream>(
  stream: S,
  options: ServeOptions = {},
): ServerSide<S> {
  const served: Served[] = [];
  const refused: ProtocolRefusal[] = [];
  const closes = { count: 0 };
  const { clock = systemClock, limits, onRequest = ({ exchange }) => exchange.start() } = options;
  const connection = serveHttp1(
    stream,
    { scheme: 'http', clock, limits: { ...LIMITS, ...limits } },
    {
      request(exchange) {
        const listener = new Listener();
        listener.exchange = exchange;
        exchange.attach(listener);
        served.push({ exchange, listener });
        onRequest({ exchange, listener });
      },
      refused: (refusal) => void refused.push(refusal),
      closed: () => void (closes.count += 1),
    },
  );
  return { stream, connection, served, refused, closes };
}

/** Serves a wire. */
export function serve(options: ServeOptions = {}): ServerSide<Wire> {
  return serveOn(new Wire(), options);
}

/** A client's end of a connection. */
export interface ClientSide<S extends ByteStream> {
  readonly stream: S;
  readonly connection: ClientConnection;
  readonly told: ('available' | 'closed')[];
  /** Sends a request, which must have capacity. */
  ask(head?: Partial<RequestHead>, isWhole?: boolean): Asked;
}

/** A request that was sent, and what was heard of it. */
export interface Asked {
  readonly exchange: ClientExchange;
  readonly listener: ResponseListener;
}

/** Speaks to a server that is the test. */
export function connect(headerBytes = 8_192): ClientSide<Wire> {
  return connectOn(new Wire(), headerBytes);
}

/** Speaks to a server on a stream. */
export function connectOn<S extends ByteStream>(stream: S, headerBytes = 8_192): ClientSide<S> {
  const told: ('available' | 'closed')[] = [];
  const connection = connectHttp1(
    stream,
    { headerBytes },
    { available: () => void told.push('available'), closed: () => void told.push('closed') },
  );
  return {
    stream,
    connection,
    told,
    ask(head, isWhole = true) {
      const listener = new ResponseListener();
      const exchange = connection.request(requestOf(head), isWhole, listener);
      if (exchange === undefined) throw new Error('expected capacity for a request');
      listener.exchange = exchange;
      return { exchange, listener };
    },
  };
}

export function requestOf(head: Partial<RequestHead> = {}): RequestHead {
  return {
    version: '1.1',
    method: 'GET',
    scheme: 'http',
    authority: 'a.example',
    target: '/',
    fields: [],
    contentLength: undefined,
    upgrade: undefined,
    ...head,
  };
}

export function responseOf(head: Partial<ResponseHead> = {}): ResponseHead {
  return {
    version: '1.1',
    status: 200,
    reason: 'OK',
    fields: [],
    contentLength: undefined,
    upgrade: undefined,
    ...head,
  };
}

/** What was gathered is written at the end of the turn. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
