import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import {
  canonicalAddress,
  isLoopback,
  isReachableFromElsewhere,
} from '../../common/network/ip-address.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import { lastKnown } from '../../common/files/last-known.ts';

/** The addresses of this host. They change while it runs: containers join and leave networks. */
export interface OwnAddresses {
  /**
   * The address of this host that a destination means: itself, or where connections to the
   * advertised address of a NAT arrive.
   *
   * @returns undefined when the destination is another host
   */
  localFor(address: string): string | undefined;
  /** Those under which other hosts can mean this one, in the order of the interfaces. */
  reachable(): readonly string[];
}

/** What finding them takes. */
export interface OwnAddressesOptions {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** Where peers reach this host, when that is not an address of its own. */
  readonly advertised?: string | undefined;
  /** All IP addresses of the interfaces. */
  readonly read?: () => readonly string[];
}

/** Asking the system costs as much as a small request; an address that has gone does no harm. */
const MAX_AGE_MS = 1_000;

/** For addresses that were not seen here yet: peers may name what they like, as often as they like. */
const SUDDEN_RATE = { burst: 10, perSecond: 10 };

/** More are a router's; the control plane takes no more. */
const MAX_REACHABLE = 64;

/**
 * Watches the interfaces of this host, on demand. While the system does not tell, those that
 * were known last are used.
 */
export function createOwnAddresses(options: OwnAddressesOptions): OwnAddresses {
  const { clock, logger } = options;
  const what = 'the addresses of this host';
  const read = lastKnown(options.read ?? interfaceAddresses, { what, first: [], logger });
  const mayAsk = createRateLimit(clock, SUDDEN_RATE);
  const advertised = options.advertised === undefined ? undefined : canonical(options.advertised);
  let known = new Set<string>();
  let readMs = Number.NEGATIVE_INFINITY;

  const refresh = (): void => {
    known = new Set(read().flatMap((address) => canonicalAddress(address) ?? []));
    readMs = clock.monotonicMs();
  };
  // While there are descriptors to ask with.
  refresh();
  const refreshIfOld = (): void => {
    if (clock.monotonicMs() - readMs >= MAX_AGE_MS) refresh();
  };
  const reachable = (): readonly string[] => {
    refreshIfOld();
    return [...known].filter(isReachableFromElsewhere).slice(0, MAX_REACHABLE);
  };
  const has = (address: string): boolean => {
    if (isLoopback(address)) return true;
    refreshIfOld();
    // An address that has just come must not be refused for a second.
    if (!known.has(address) && mayAsk()) refresh();
    return known.has(address);
  };
  return {
    reachable,
    localFor(address) {
      const wanted = canonicalAddress(address);
      if (wanted === undefined) return undefined;
      if (has(wanted)) return wanted;
      return wanted === advertised ? reachable()[0] : undefined;
    },
  };
}

function canonical(address: string): string {
  return canonicalAddress(address) ?? address;
}

function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
}
