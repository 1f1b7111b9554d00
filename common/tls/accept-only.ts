import type { TlsOptions } from 'node:tls';

/**
 * Lets a TLS server accept one application protocol (ALPN, RFC 7301) and refuse clients that offer only others, with the
 * alert `no_application_protocol`. One that offers none is let in.
 *
 * By a callback, and not by a list: Node.js copies a list for every connection, into a pool of 64 KiB that is not given back
 * as long as the connection lives.
 */
export function acceptOnly(protocol: string): Pick<TlsOptions, 'ALPNCallback'> {
  return { ALPNCallback: ({ protocols }) => (protocols.includes(protocol) ? protocol : undefined) };
}
