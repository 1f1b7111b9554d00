import type { HeaderField } from '../http2/hpack/static-table.ts';

/**
 * A field line: its name as it came (HTTP/2 has lower case only), and its value byte for byte as latin1
 * characters, obs-text included (RFC 9110 section 5.5). Fields are kept in their order.
 */
export type Field = HeaderField;

/** The version that a message came in. */
export type HttpVersion = '1.0' | '1.1' | '2';

/**
 * What comes before a body, the same for HTTP/1.1 and HTTP/2. `fields` is without what belongs to a
 * connection (RFC 9110 section 7.6.1), what frames the body, and Host: these are told below in one way, and each
 * version writes them in its own. `TE: trailers` stays.
 */
interface MessageHead {
  readonly version: HttpVersion;
  readonly fields: readonly Field[];
  /** Content-Length; undefined when none was sent. On an answer to HEAD and a 304 it describes no body of its own. */
  readonly contentLength: number | undefined;
  /**
   * What the connection is to become, or has: `websocket`. An Upgrade field that Connection names (RFC 9110
   * section 7.8), or an extended CONNECT (RFC 8441), whose method reads `GET` here and whose answer reads 101.
   */
  readonly upgrade: string | undefined;
}

/** The head of a request, well-formed. Whom and what it asks for is not judged yet. */
export interface RequestHead extends MessageHead {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /**
   * `host` or `host:port` as it came, from the absolute form, `:authority` or Host, in this order; undefined for
   * HTTP/1.0 without any.
   */
  readonly authority: string | undefined;
  /** Path and query as they came; `*` for the server as a whole; empty for CONNECT. */
  readonly target: string;
}

/** The head of a response, interim ones included. */
export interface ResponseHead extends MessageHead {
  readonly status: number;
  /** The reason phrase of HTTP/1.1; empty in HTTP/2. */
  readonly reason: string;
}
