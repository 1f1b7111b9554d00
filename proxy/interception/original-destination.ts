import ipaddr from 'ipaddr.js';
import { canonicalAddress } from '../../common/network/ip-address.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import { type Getsockopt, loadGetsockopt } from '../stream/socket-option.ts';
import { InterceptionError } from './interception-error.ts';

/** Where a connection wanted to go. */
export interface OriginalDestination {
  /** IP address in its canonical form. */
  readonly address: string;
  readonly port: number;
}

/**
 * Tells where an accepted connection wanted to go before the rules redirected it.
 *
 * A connection that was not redirected, but made to the listener itself, has the listener's own
 * address for an answer: the caller has to refuse it, or it would call itself for ever.
 *
 * @returns undefined when the system does not say; the caller must not guess then
 */
export type FindOriginalDestination = (
  connection: Pick<AcceptedConnection, 'descriptor' | 'remoteAddress'>,
) => OriginalDestination | undefined;

/** linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h use the same number. */
const SO_ORIGINAL_DST = 80;
const SOL_IP = 0;
const SOL_IPV6 = 41;
/** sizeof(struct sockaddr_in6); a sockaddr_in is shorter. */
const SOCKADDR_BYTES = 28;

/**
 * Prepares the lookup, which asks the kernel through the C library that Node.js is linked with.
 *
 * @throws InterceptionError `original-destination-unavailable` on another system than Linux, and
 *   where Node.js was built without FFI
 */
export async function openOriginalDestinations(): Promise<FindOriginalDestination> {
  const getsockopt = await openGetsockopt();
  const sockaddr = Buffer.alloc(SOCKADDR_BYTES);
  const length = Buffer.alloc(4);
  return ({ descriptor, remoteAddress = '' }) => {
    if (descriptor === undefined || remoteAddress === '') return undefined;
    // An IPv4 connection to a dual-stack listener is an IPv4 connection to the kernel.
    const isV6 = canonicalAddress(remoteAddress.replace(/%.*$/, ''))?.includes(':') ?? false;
    length.writeInt32LE(SOCKADDR_BYTES);
    if (getsockopt(descriptor, isV6 ? SOL_IPV6 : SOL_IP, SO_ORIGINAL_DST, sockaddr, length) !== 0) {
      return undefined;
    }
    // struct sockaddr_in: family, port, address; struct sockaddr_in6: family, port, flow, address.
    const bytes = isV6 ? sockaddr.subarray(8, 24) : sockaddr.subarray(4, 8);
    return { address: ipaddr.fromByteArray([...bytes]).toString(), port: sockaddr.readUInt16BE(2) };
  };
}

async function openGetsockopt(): Promise<Getsockopt> {
  if (process.platform !== 'linux') throw unavailable(`on ${process.platform}`);
  try {
    return await loadGetsockopt();
  } catch (cause) {
    throw unavailable(`with this build of Node.js (${process.version})`, cause);
  }
}

function unavailable(where: string, cause?: unknown): InterceptionError {
  const sentence = `transparent interception needs Linux and a Node.js with FFI, and is not available ${where}`;
  const hint = 'use --upstream and --expose instead of --transparent';
  return new InterceptionError('original-destination-unavailable', sentence, { hint, cause });
}
