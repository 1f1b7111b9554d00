import { isIP } from 'node:net';
import { canonicalAddress } from '../network/ip-address.ts';
import { isLabel } from '../names.ts';
import { ConfigError } from './config-error.ts';

/** A host (an IP address without brackets, or a name) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** The control plane of the same host. */
export const DEFAULT_CONTROL_PLANE: HostPort = { host: '127.0.0.1', port: 15_012 };

/** A local listener for a service of the mesh: `--upstream 127.0.0.1:9000=api:8080`. */
export interface Upstream {
  readonly listen: HostPort;
  readonly service: string;
  /** Undefined: the sidecar's own namespace. */
  readonly namespace: string | undefined;
  readonly port: number;
}

/** A local listener for a server outside of the mesh: `--egress 127.0.0.1:9001=example.com:443`. */
export interface EgressPort {
  readonly listen: HostPort;
  /** The host in lower case, or an address in canonical form. */
  readonly target: HostPort;
}

/** A port that peers may reach, and where the application listens: `--expose 8080=127.0.0.1:8080`. */
export interface Expose {
  readonly port: number;
  readonly target: HostPort;
}

/** Who may reach a port: `--allow 2379=client.shop`. */
export interface Allow {
  readonly port: number;
  readonly service: string;
  /** Undefined: the sidecar's own namespace. */
  readonly namespace: string | undefined;
}

const LOOPBACK = '127.0.0.1';
const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9_]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9_]{0,61}[a-z0-9])?)*$/i;

function malformed(expected: string, text: string): ConfigError {
  return new ConfigError('value-malformed', `expected ${expected}, got ${JSON.stringify(text)}`);
}

/** Reads a port from 1 to 65535, or from 0 where the system may choose. @throws ConfigError */
export function parsePort(text: string, lowest: 0 | 1 = 1): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= lowest && port <= 65_535) return port;
  throw malformed(`a port from ${lowest} to 65535`, text);
}

/**
 * Reads `host:port`, IPv6 addresses in brackets as in RFC 3986 section 3.2.2.
 *
 * @throws ConfigError
 */
export function parseHostPort(text: string, lowestPort: 0 | 1 = 1): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null) {
    const hint = isIP(text.replace(/:\d+$/, '')) === 6 ? ', an IPv6 address in brackets' : '';
    throw malformed(`HOST:PORT as in 127.0.0.1:8080 or [::1]:8080${hint}`, text);
  }
  const [, bracketed, plain = '', port = ''] = match;
  if (bracketed !== undefined && isIP(bracketed) !== 6) {
    throw malformed('an IPv6 address in the brackets', text);
  }
  const host = bracketed ?? plain;
  // A name of digits and dots only is a mistyped IPv4 address.
  const valid = isIP(host) !== 0 || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host));
  if (!valid) throw malformed('an IP address or a host name before the port', text);
  return { host, port: parsePort(port, lowestPort) };
}

/**
 * Reads `LISTEN=SERVICE[.NAMESPACE]:PORT`; LISTEN is `host:port`, or a port on 127.0.0.1.
 *
 * @throws ConfigError
 */
export function parseUpstream(text: string): Upstream {
  const expected = 'LISTEN=SERVICE[.NAMESPACE]:PORT as in 127.0.0.1:9000=api:8080';
  const match = /^([^=]+)=([^=:]+):(\d+)$/.exec(text);
  const [, listen, name, port] = match ?? [];
  if (listen === undefined || name === undefined || port === undefined) {
    throw malformed(expected, text);
  }
  const [service = '', namespace, ...rest] = name.split('.');
  if (rest.length > 0 || ![service, namespace ?? 'none'].every(isLabel)) {
    throw malformed(`${expected}, names in lower-case letters, digits, "-" and "_"`, text);
  }
  return { listen: parseLocal(listen, 0), service, namespace, port: parsePort(port) };
}

/** Reads `LISTEN=HOST:PORT`; LISTEN is `host:port`, or a port on 127.0.0.1. @throws ConfigError */
export function parseEgress(text: string): EgressPort {
  const [listen = '', outside = '', ...rest] = text.split('=');
  if (listen === '' || outside === '' || rest.length > 0) {
    throw malformed('LISTEN=HOST:PORT as in 127.0.0.1:9001=payments.example.com:443', text);
  }
  const { host, port } = parseHostPort(outside);
  const target = { host: canonicalAddress(host) ?? host.toLowerCase(), port };
  return { listen: parseLocal(listen, 0), target };
}

/**
 * Reads `PORT=ADDRESS`, or just `PORT` for the same port on 127.0.0.1; ADDRESS is `host:port`, or a
 * port on 127.0.0.1.
 *
 * @throws ConfigError
 */
export function parseExpose(text: string): Expose {
  const [port = '', target, ...rest] = text.split('=');
  if (rest.length > 0 || target === '' || !/^\d+$/.test(port)) {
    throw malformed('PORT or PORT=ADDRESS as in 8080=127.0.0.1:8080', text);
  }
  return { port: parsePort(port), target: parseLocal(target ?? port, 1) };
}

/** Reads `PORT=SERVICE[.NAMESPACE]`. @throws ConfigError */
export function parseAllow(text: string): Allow {
  const [, port = '', service = '', namespace] =
    /^(\d+)=([^=:.]+)(?:\.([^=:.]+))?$/.exec(text) ?? [];
  if (![service, namespace ?? 'none'].every(isLabel)) {
    throw malformed('PORT=SERVICE[.NAMESPACE] as in 2379=client', text);
  }
  return { port: parsePort(port), service, namespace };
}

function parseLocal(text: string, lowestPort: 0 | 1): HostPort {
  return /^\d+$/.test(text)
    ? { host: LOOPBACK, port: parsePort(text, lowestPort) }
    : parseHostPort(text, lowestPort);
}
