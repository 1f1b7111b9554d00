import type net from 'node:net';
import type { MonotonicClock } from '../../../common/clock.ts';
import { networksContain, type Network } from '../config/names.ts';
import { peek } from '../../stream/peek.ts';
import { MAX_PROXY_HEADER_BYTES, readProxyHeader } from './proxy-header.ts';
import { sourceOf, type Source } from './source.ts';

/** A proxy sends its header at once. */
const PROXY_HEADER_TIMEOUT_MS = 5_000;

/** Finds out where connections come from. */
export interface AcceptSource {
  /** The address, when it is known before anything is read: no proxy will say another. */
  known(socket: net.Socket): string | undefined;
  /** Undefined when it has to be refused. */
  read(socket: net.Socket): Promise<Source | undefined>;
}

/**
 * Accepts the PROXY protocol from the networks that are listed, and demands it of them. Others are who
 * the system says they are; a header of theirs is taken for what they want to say to the service.
 */
export function createAcceptSource(
  proxyProtocol: { readonly from: readonly Network[] } | undefined,
  clock: MonotonicClock,
): AcceptSource {
  const isProxy = networksContain(proxyProtocol?.from ?? []);
  const read = async (socket: net.Socket): Promise<Source | undefined> => {
    const direct = sourceOf(socket);
    if (direct === undefined || !isProxy(direct.client.address)) return direct;
    const bounds = { clock, timeoutMs: PROXY_HEADER_TIMEOUT_MS, maxBytes: MAX_PROXY_HEADER_BYTES };
    const seen = await peek(socket, readProxyHeader, bounds);
    if (typeof seen === 'string') return undefined;
    switch (seen.value.kind) {
      case 'proxied':
        return seen.value.source;
      case 'local':
        return direct;
      case 'malformed':
        return undefined;
    }
  };
  return {
    known(socket) {
      const address = sourceOf(socket)?.client.address;
      return address === undefined || isProxy(address) ? undefined : address;
    },
    read,
  };
}
