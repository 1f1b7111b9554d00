import {
  canonicalAddress,
  isLoopback,
  isReachableFromElsewhere,
} from '../../../common/network/ip-address.ts';

/** Both ends of a connection to the control plane, in any form. */
export interface ConnectionEnds {
  readonly remote: string;
  readonly local: string;
}

/** A host with more is a router, and its operator names the address. */
const MAX_ADDRESSES = 4;

/**
 * The addresses of this host under which sidecars of other hosts reach the control plane. A sidecar that
 * connects over loopback is on this host too: others reach it under these, and under loopback only
 * themselves.
 */
export class HostAddresses {
  readonly #known = new Set<string>();

  /** Learns from a connection; true when an address became known by it. */
  learn({ remote, local }: ConnectionEnds): boolean {
    const from = canonicalAddress(remote);
    const to = canonicalAddress(local);
    if (from === undefined || to === undefined || !isReachableFromElsewhere(to)) return false;
    // A connection of this host to its own address says nothing of others.
    if (isLoopback(from) || from === to || this.#known.has(to)) return false;
    if (this.#known.size >= MAX_ADDRESSES) return false;
    this.#known.add(to);
    return true;
  }

  /** Where a sidecar is that connects like this, as others see it, the surest first. */
  seen({ remote }: ConnectionEnds): readonly [string, ...string[]] {
    const [first, ...others] = this.#known;
    return isOverLoopback(remote) && first !== undefined ? [first, ...others] : [remote];
  }
}

/** True for a connection of this host to itself. */
export function isOverLoopback(remote: string): boolean {
  const from = canonicalAddress(remote);
  return from !== undefined && isLoopback(from);
}
