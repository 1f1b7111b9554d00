import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { ignoreError } from '../ignored.ts';
import { HauberkError, systemErrorCode } from '../errors.ts';

/** Why a listener could not be opened. */
export type ListenErrorCode = 'address-in-use' | 'address-not-available' | 'listen-refused';

/** A listener could not be opened: a matter of configuration, not of the program. */
export class ListenError extends HauberkError<ListenErrorCode> {}

/** Where to listen and what it is for; `name` is used in messages, e.g. `metrics`. */
export interface ListenTarget {
  readonly name: string;
  /** IP address without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /**
   * Other processes of this user may listen there too, and the system deals the connections out
   * (SO_REUSEPORT). Linux only.
   */
  readonly shared?: boolean;
}

/**
 * Connections that the system may hold until they are accepted. With Node's 511, a burst of a few
 * thousand leaves clients that count as connected while the listener never hears of them.
 */
const BACKLOG = 4096;

/** Writes host and port the way people type them, IPv6 in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** All addresses of the machine, of both families. */
const ANY = '::';
/** The same where there is no IPv6. */
const ANY_IPV4 = '0.0.0.0';

/**
 * Opens the server's listener and resolves with the address that it got. `::` is every address of the
 * machine, IPv4 too, also where the system has no IPv6.
 *
 * @throws ListenError when the system refuses it
 */
export async function listen(server: Server, target: ListenTarget): Promise<AddressInfo> {
  try {
    return await open(server, target);
  } catch (error) {
    const withoutIpv6 = target.host === ANY && systemErrorCode(error) === 'EAFNOSUPPORT';
    if (!withoutIpv6) throw toListenError(error, target);
  }
  return await listen(server, { ...target, host: ANY_IPV4 });
}

async function open(server: Server, { host, port, shared }: ListenTarget): Promise<AddressInfo> {
  // Later errors are of connections that the system could not hand over: without a listener they would be thrown,
  // and no caller is left to answer.
  server.on('error', ignoreError);
  const listening = once(server, 'listening');
  server.listen({ host, port, backlog: BACKLOG, ...(shared === true ? { reusePort: true } : {}) });
  await listening;
  return server.address() as AddressInfo;
}

/** Says in one sentence why a listener could not be opened. */
function toListenError(error: unknown, { name, host, port }: ListenTarget): ListenError {
  const address = formatHostPort(host, port);
  const system = systemErrorCode(error);
  switch (system ?? 'unknown') {
    case 'EADDRINUSE':
      return new ListenError('address-in-use', `the ${name} port ${address} is in use`, {
        hint: 'end the process that listens there, or choose another port',
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAFNOSUPPORT':
      return new ListenError(
        'address-not-available',
        `the ${name} address ${address} is not an address of this machine`,
        { hint: 'choose an address of a local interface, or 0.0.0.0 for all', cause: error },
      );
    case 'EACCES':
      return new ListenError(
        'listen-refused',
        `the system does not allow this user to listen on the ${name} port ${address}`,
        { hint: 'choose a port of 1024 or above', cause: error },
      );
    default:
      return new ListenError(
        'listen-refused',
        `the ${name} port ${address} could not be opened (${system ?? String(error)})`,
        { cause: error },
      );
  }
}
