import net from 'node:net';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Network } from '../../common/network/network.ts';
import { connectSocket } from '../stream/connect-plaintext.ts';
import { InterceptionError } from './interception-error.ts';

/** socket(2), setsockopt(2), close(2) of the C library that Node.js is linked with. */
interface SystemCalls {
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly setsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Buffer,
    length: number,
  ) => number;
  readonly close: (fd: number) => number;
}

/** From the headers of Linux, for all architectures that Node.js runs on but MIPS. */
const AF_INET = 2;
const AF_INET6 = 10;
const STREAM_NONBLOCK_CLOEXEC = 0o1 | 0o4000 | 0o2000000;
const SOL_IP = 0;
const SOL_IPV6 = 41;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;
/** The port is chosen when it is known where to, so that each client has all ports for each application. */
const IP_BIND_ADDRESS_NO_PORT = 24;
const INT_BYTES = 4;

/** Addresses of documentation (RFC 5737, RFC 3849), which no client has. */
const TRIAL_CLIENT = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;

/** Both ends are in this process. */
const TRIAL_MS = 2_000;

const HOW = 'see "The address of the client" in docs/transparent.md';

/**
 * A network whose `connect` takes any address for `localAddress`, whether it is one of this host or not: the other
 * side, which is on this host, sees that one. Needs the capability NET_RAW (ip(7), IP_TRANSPARENT). The port is
 * the system's choice: the client's own port would be taken for the client's connection.
 *
 * @throws InterceptionError `client-address-refused`, `client-address-unavailable`
 */
export async function withClientSockets(network: Network): Promise<Network> {
  const calls = await loadSystemCalls();
  const value = Buffer.alloc(INT_BYTES);
  value.writeInt32LE(1);
  const openSocket = (isV6: boolean): number | undefined => {
    const fd = calls.socket(isV6 ? AF_INET6 : AF_INET, STREAM_NONBLOCK_CLOEXEC, 0);
    // The system has given away all descriptors, as nothing else can go wrong with these numbers.
    if (fd < 0) throw Object.assign(new Error('no descriptor is free'), { code: 'EMFILE' });
    const set = (level: number, name: number): boolean =>
      calls.setsockopt(fd, level, name, value, INT_BYTES) === 0;
    const isTransparent = isV6 ? set(SOL_IPV6, IPV6_TRANSPARENT) : set(SOL_IP, IP_TRANSPARENT);
    if (isTransparent && set(SOL_IP, IP_BIND_ADDRESS_NO_PORT)) return fd;
    calls.close(fd);
    return undefined;
  };
  const trial = openSocket(false);
  if (trial === undefined) throw refused();
  calls.close(trial);
  return {
    ...network,
    connect(options) {
      const { localAddress } = options;
      if (localAddress === undefined) return network.connect(options);
      const fd = openSocket(net.isIP(localAddress) === 6);
      if (fd === undefined) throw refused();
      const socket = new net.Socket({ ...options, fd, readable: true, writable: true });
      return socket.connect(options);
    },
  };
}

/**
 * Calls this host from an address that no client has, once for each family that it has an address of, and expects that the
 * answer comes back here: without the rules it would leave for the client.
 *
 * @param addresses those of this host
 * @throws InterceptionError `client-address-unrouted`
 */
export async function tryClientSockets(
  network: Pick<Network, 'connect' | 'listen'>,
  addresses: readonly string[],
  clock: MonotonicClock,
): Promise<void> {
  for (const family of [4, 6] as const) {
    const host = addresses.find((address) => net.isIP(address) === family);
    if (host === undefined) continue;
    const target = { name: 'client-address', host, port: 0 };
    const { server, address } = await network.listen(target, (socket) => socket.destroy());
    try {
      const socket = await connectSocket(
        {
          address: host,
          port: address.port,
          from: TRIAL_CLIENT[family],
          network,
          timeoutMs: TRIAL_MS,
          clock,
          share: undefined,
        },
        NEVER,
      );
      socket.destroy();
    } catch (cause) {
      const sentence = `--client-address preserve: the rules of this network namespace do not bring answers to clients of IPv${family} back to the sidecar`;
      const hint = `give --client-address preserve to hauberk proxy init-netns too; ${HOW}`;
      throw new InterceptionError('client-address-unrouted', sentence, { hint, cause });
    } finally {
      server.close();
    }
  }
}

const NEVER = new AbortController().signal;

/** Where the application of an exposed port listens, as `--expose` says. */
interface ExposedTarget {
  readonly port: number;
  readonly target: { readonly host: string };
}

/**
 * Expects applications on this host: one elsewhere would answer the client itself, which knows nothing of the
 * connection. What is no IP address could lead anywhere.
 *
 * @throws InterceptionError `client-address-refused`
 */
export function refuseDistantApplications(
  exposed: readonly ExposedTarget[],
  isOwnAddress: (address: string) => boolean,
): void {
  const distant = exposed.find(({ target: { host } }) => !isOwnAddress(host));
  if (distant === undefined) return;
  const { port, target } = distant;
  const sentence = `--client-address preserve: --expose ${port} leads to ${target.host}, which is no IP address of this host, and an application elsewhere would answer its clients past this sidecar`;
  const hint = 'run the sidecar on the host of the application, or leave --client-address out';
  throw new InterceptionError('client-address-refused', sentence, { hint });
}

function refused(): InterceptionError {
  const sentence =
    '--client-address preserve: the system does not let this sidecar call in the name of clients';
  const hint = `give it the capability NET_RAW, as an ambient one since it is not root; ${HOW}`;
  return new InterceptionError('client-address-refused', sentence, { hint });
}

async function loadSystemCalls(): Promise<SystemCalls> {
  if (process.platform !== 'linux') throw unavailable(`on ${process.platform}`);
  try {
    const ffi = await import('node:ffi');
    const { functions } = ffi.dlopen(null, {
      socket: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
      setsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'buffer', 'uint32'] },
      close: { return: 'int32', arguments: ['int32'] },
    });
    return functions;
  } catch (cause) {
    throw unavailable(`with this build of Node.js (${process.version})`, cause);
  }
}

function unavailable(where: string, cause?: unknown): InterceptionError {
  const sentence = `--client-address preserve needs Linux and a Node.js with FFI, and is not available ${where}`;
  const hint = 'leave --client-address out: applications see the address of their own host';
  return new InterceptionError('client-address-unavailable', sentence, { hint, cause });
}
