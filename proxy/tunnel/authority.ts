import { isIP } from 'node:net';

/** A destination as CONNECT names it. */
export interface Destination {
  /** IP address, without brackets. */
  readonly address: string;
  readonly port: number;
}

const AUTHORITY = /^(?:\[([0-9a-f:.]{2,45})\]|([0-9.]{7,15})):([1-9][0-9]{0,4})$/i;

/**
 * Parses the `:authority` of a CONNECT: `ip:port`, IPv6 in brackets (RFC 9113 section 8.5, RFC 3986
 * section 3.2.2). Names are not accepted: what they resolve to would be decided on the wrong host.
 *
 * @returns undefined for anything else
 */
export function parseAuthority(text: string): Destination | undefined {
  const [, v6, v4, portText] = AUTHORITY.exec(text) ?? [];
  const address = v6 ?? v4;
  const port = Number(portText);
  if (address === undefined || port > 65_535) return undefined;
  return isIP(address) === (v6 === undefined ? 4 : 6) ? { address, port } : undefined;
}

/** Writes a destination as an `:authority`. */
export function formatAuthority({ address, port }: Destination): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
