import type { ByteStream, StreamReceiver } from '../stream/byte-stream.ts';
import type { Field, RequestHead, ResponseHead } from './message.ts';

/**
 * A request and its response on one connection, as one end has it, whatever the version. Once the heads are
 * exchanged it is a byte stream: the bodies flow as they come, with backpressure, and each may end with
 * trailers. After a 101 both directions carry what the connection has become.
 *
 * As with `ByteStream`: `end` comes only after a whole message, never after one that was cut short; `closed` comes
 * last, once; `reset` breaks off and frees everything at once, and the receiver hears nothing more.
 *
 * - What `isWhole` says, in either direction, stands for `end`: it neither comes nor has to be called then.
 * - `written` counts bytes of bodies, not what frames them. `consumed` may be called after `closed` too, for what
 *   was handed over before: the connection goes on with others.
 * - What may become another protocol (`upgrade`) is never whole and has no body. Where the answer is not 101, the
 *   request ends with it: the receiver hears `end`, and what is written to it then goes nowhere.
 */
interface Exchange extends ByteStream {
  attach(receiver: BodyReceiver): void;
  /** Ends our message, with trailers where the version and the framing can carry them. */
  end(trailers?: readonly Field[]): void;
}

/** Takes the body of the other side's message. */
export interface BodyReceiver extends StreamReceiver {
  /** The message is whole. */
  end(trailers?: readonly Field[]): void;
}

/**
 * A request that a client sent us. The body is handed over after `start`. `closed('reset')` is a client that gave up:
 * a receiver that is attached hears of it also before `start`, while a connection to the service is made, say.
 * Over HTTP/2 a response that is whole before `start` closes the exchange: the rest of the request is not read.
 */
export interface ServerExchange extends Exchange {
  readonly request: RequestHead;
  /** True when the head is all of the request. */
  readonly isWhole: boolean;
  /** Sends an interim response (1xx but 101); nothing to a client of HTTP/1.0. */
  inform(head: ResponseHead): void;
  /** Sends the response's head, once. `isWhole` when neither body nor trailers follow. */
  respond(head: ResponseHead, isWhole: boolean): void;
  /** @param code says why, in HTTP/2; INTERNAL_ERROR, when it is left out */
  reset(code?: number): void;
}

/** A request that we sent to a server. */
export interface ClientExchange extends Exchange {
  /** Why it closed without a whole response; undefined while it is open, after `ended`, and after our own reset. */
  readonly failure: ExchangeFailure | undefined;
}

/** Takes the response. */
export interface ResponseReceiver extends BodyReceiver {
  /** An interim response (1xx but 101). */
  informed(head: ResponseHead): void;
  /** The response's head; `isWhole` when nothing follows. */
  responded(head: ResponseHead, isWhole: boolean): void;
}

/**
 * What became of a request without a whole response:
 * - `refused`: the server has surely not acted on it (REFUSED_STREAM, above GOAWAY's last id: RFC 9113 section 8.7);
 * - `stale`: a connection that was kept from an earlier request ended before a byte of the response;
 * - `reset`: the server broke the exchange off;
 * - `lost`: the connection is gone;
 * - `malformed`: the server broke the rules of HTTP.
 */
export interface ExchangeFailure {
  readonly kind: 'refused' | 'stale' | 'reset' | 'lost' | 'malformed';
  /** For the log: what was expected and what came. */
  readonly sentence: string;
  /** What the server's RST_STREAM said; undefined where there was none. */
  readonly resetCode?: number;
}

/** A connection to a server, which takes requests. */
export interface ClientConnection {
  /** How many more requests it takes now; 0 once it is ending. HTTP/1.1: 1 or 0. */
  readonly capacity: number;
  /** How many requests it takes at a time; undefined until the server has said. HTTP/1.1: 1. */
  readonly limit: number | undefined;
  /** True when nothing is under way. */
  readonly isIdle: boolean;
  /** True when it takes no request any more, now and later. */
  readonly isClosed: boolean;
  /**
   * Sends a request, whose receiver hears of it from now on (no `attach` and `start` are needed); undefined when there is no capacity.
   *
   * @param isWhole is true when neither body nor trailers follow
   */
  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined;
  /** Takes no more requests, and ends with the last that is under way. */
  drain(): void;
  /** Ends it at once. */
  destroy(): void;
}

/** Hears of a client's connection that requests go over. */
export interface ClientConnectionObserver {
  /** There may be capacity again, or another limit, or it has been retired. */
  available(): void;
  /** It has ended, and every exchange of it was told. */
  closed(): void;
}

/** A connection of a client, whose requests are served. */
export interface ServerConnection {
  /** Announces the end: `Connection: close` with the next response, or GOAWAY. What is under way is served. */
  drain(): void;
  /** Breaks it off. */
  destroy(): void;
}

/** What a connection of a client tells. */
export interface ServerConnectionHandler {
  /** A request has come. Answer it, now or later; the exchange's body waits for `start`. */
  request(exchange: ServerExchange): void;
  /** A request was refused by the engine, which has answered it (400, 408, 431, 501 ...) or reset it; with the reason for log and metric. */
  refused(refusal: ProtocolRefusal): void;
  /** Nothing of the connection is left. */
  closed(): void;
}

/** Why the engine did not take a request. */
export interface ProtocolRefusal {
  readonly reason: 'malformed' | 'headers-too-large' | 'too-late' | 'unsupported';
  /** 0 where no response could be sent. */
  readonly status: number;
  readonly sentence: string;
}
