import type { Duplex } from 'node:stream';

/** Plain numbers that a relay adds to while it runs; metrics read them when they are scraped. */
export interface RelayCounters {
  /** Bytes from the plaintext socket into the tunnel. */
  bytesFromApp: number;
  /** Bytes from the tunnel to the plaintext socket. */
  bytesToApp: number;
}

/**
 * How a relay ended:
 * - `complete`: both directions ended with a FIN;
 * - `app-reset`: the plaintext side broke off;
 * - `peer-reset`: the tunnel's side reset the stream;
 * - `tunnel-lost`: the tunnel died under the stream;
 * - `shed`: memory ran out, and it had not been read from for the longest time;
 * - `untouched`: the tunnel died before a byte went either way; the socket is still open and unread,
 *   so the connection can be tried on another tunnel.
 */
export type RelayOutcome =
  'complete' | 'app-reset' | 'peer-reset' | 'tunnel-lost' | 'shed' | 'untouched';

/** The tunnel's side of a relay: a duplex stream, and what a Duplex cannot say about its end. */
export interface RelayStream {
  /** The owner listens for its 'error'. */
  readonly duplex: Duplex;
  /** How the stream broke, once it did; undefined while it is whole or when it has ended well. */
  broken(): 'peer-reset' | 'tunnel-lost' | undefined;
  /** Tells the peer that the plaintext side broke (RST_STREAM CONNECT_ERROR, RFC 9113 section 8.5). */
  reset(): void;
}
