import type { RawHttp2Request } from './record/http2-client.ts';

/** What a service sends, and when. */
export interface RawAnswer {
  /** One write each; bytes as latin1 characters. */
  readonly pieces: readonly string[];
  /** Begins when the head of the request has come, or all of it. */
  readonly on: 'head' | 'whole';
  /** Sent when all of the request has come, after `pieces`. */
  readonly onceWhole?: string;
  /** What becomes of the connection after that. */
  readonly after: 'keep' | 'end' | 'reset';
  /** After the pieces everything that comes is sent back: what a 101 has made of the connection. */
  readonly echoes?: boolean;
}

/** What a client sends on a connection of its own, and what the service behind answers. */
export interface Exchange {
  /** Unique: the service finds its answer by it. */
  readonly name: string;
  /** Kind of things that are tried, for those who read the table of differences. */
  readonly kind: string;
  /** One write each; bytes as latin1 characters. */
  readonly pieces: readonly string[];
  /** Sent when an interim response or a 101 has come. */
  readonly afterInterim?: string;
  /** Of the requests that it makes, in their order. */
  readonly methods: readonly string[];
  readonly answer: RawAnswer;
  /** Sent over HTTP/2 instead of the pieces. */
  readonly http2?: RawHttp2Request;
  /** How the client ends the connection after its last piece, before any answer; it waits for answers otherwise. */
  readonly cut?: 'end' | 'reset';
}

/** Names the exchange to the service. */
export const NAME_FIELD = 'X-Exchange';

/** An ordinary answer. */
export const OK: RawAnswer = {
  pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  on: 'whole',
  after: 'keep',
};
