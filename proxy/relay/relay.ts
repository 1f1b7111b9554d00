import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

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
 * - `untouched`: the tunnel died before a byte went either way; the socket is still open and unread,
 *   so the connection can be tried on another tunnel.
 */
export type RelayOutcome = 'complete' | 'app-reset' | 'peer-reset' | 'tunnel-lost' | 'untouched';
