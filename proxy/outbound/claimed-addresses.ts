import type { MonotonicClock } from '../../common/clock.ts';
import { DEPARTED_MS } from '../../common/network/departed-addresses.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { Endpoint } from '../../common/wire/endpoint.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import { NotAcceptedError } from '../tunnel/tunnel-error.ts';
import type { TunnelPool } from '../tunnel/tunnel-pool.ts';
import { dialTarget } from './connector.ts';

/** What looking for claimants takes. */
export interface ClaimedAddressesOptions {
  readonly view: MeshView;
  readonly pool: Pick<TunnelPool, 'ready'>;
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'promise'>;
}

/** Who was found at addresses that the control plane has no proof for. */
export interface ClaimedAddresses extends Closeable {
  /** The view, in which those that were found here are proven like the others. */
  readonly view: MeshView;
  /** True for an address at which a sidecar was found recently that does not claim it any more. */
  wasAt(address: string): boolean;
  /**
   * Dials those that claim an address, unless that was just done in vain; true when one of them is there.
   *
   * @param patient false: a claimant that was not found a while ago is looked for again without making the
   *   caller wait
   */
  find(address: string, claimants: readonly Endpoint[], patient: boolean): Promise<boolean>;
  /** A connection to a sidecar that was found there has failed, or has not. */
  connected(address: string, worked: boolean): void;
}

/**
 * How long a call to a server outside may wait because a sidecar claims its address: once, and not
 * again soon.
 */
const FIND_TIMEOUT_MS = 2_000;

/**
 * How long a claimant that was not found is not looked for again, so that claims cost connections to
 * others little.
 */
const MISSING_MS = 30_000;

/** The same where the call fails if no sidecar is there: then only a storm of calls has to be spared. */
const MISSING_BLOCKING_MS = 1_000;

/** More than any service calls; bounds what claims can make of memory. */
const MAX_ADDRESSES = 4_096;

interface Found {
  /** Since when the address is not claimed for this one. */
  goneMs: number | undefined;
  /** Since when connections have failed. */
  failedMs: number | undefined;
}

/**
 * Proves claims for this sidecar alone: it may be in a network that the control plane cannot dial. A
 * sidecar that was
 * found at an address is trusted from then on, as if the control plane had found them: also while they
 * are down,
 * until they have been gone, or out of reach, for DEPARTED_MS. A claimant that was not found does not count.
 */
export function createClaimedAddresses({
  view,
  pool,
  clock,
  guard,
}: ClaimedAddressesOptions): ClaimedAddresses {
  const found = new Map<string, Map<string, Found>>();
  const missingMs = new Map<string, number>();
  const finding = new Map<string, Promise<boolean>>();

  const isFound = (address: string, endpoint: Endpoint): boolean =>
    found.get(address)?.has(keyOf(endpoint)) ?? false;
  const drop = (address: string, key: string): void => {
    const all = found.get(address);
    all?.delete(key);
    if (all?.size === 0) found.delete(address);
  };
  const stop = view.onChange(() => {
    const nowMs = clock.monotonicMs();
    for (const [address, all] of found) {
      const claimants = [...view.claimsAt(address), ...view.endpointsAt(address)];
      const present = new Set(claimants.map(keyOf));
      for (const [key, one] of all) {
        one.goneMs = present.has(key) ? undefined : (one.goneMs ?? nowMs);
        if (one.goneMs !== undefined && nowMs - one.goneMs >= DEPARTED_MS) drop(address, key);
      }
    }
  });

  const isThere = async (address: string, endpoint: Endpoint): Promise<boolean> => {
    const timeout = new AbortController();
    const timer = clock.after(FIND_TIMEOUT_MS, () => timeout.abort());
    try {
      await pool.ready(dialTarget(endpoint, address), timeout.signal);
      return true;
    } catch (error) {
      // A sidecar that shows the certificate is there, even if it accepts no connection.
      return error instanceof NotAcceptedError;
    } finally {
      timer.cancel();
    }
  };
  const remember = (address: string, endpoint: Endpoint): void => {
    const all = found.get(address) ?? new Map<string, Found>();
    // The address that was found longest ago is the first to be forgotten.
    found.delete(address);
    found.set(address, all.set(keyOf(endpoint), { goneMs: undefined, failedMs: undefined }));
    missingMs.delete(address);
    trim(found);
  };
  const probeAll = async (address: string, claimants: readonly Endpoint[]): Promise<boolean> => {
    const asked = claimantsToDial(claimants);
    const outcomes = await Promise.all(asked.map((endpoint) => isThere(address, endpoint)));
    let isAnyThere = false;
    for (const endpoint of asked.filter((_endpoint, at) => outcomes[at])) {
      // Where two are there with the same port, the one that was found first keeps it.
      if (foundAt(address).some((first) => isConflicting(first, endpoint))) continue;
      remember(address, endpoint);
      isAnyThere = true;
    }
    if (!isAnyThere) {
      missingMs.set(address, clock.monotonicMs());
      trim(missingMs);
    }
    return isAnyThere;
  };
  /** All who ask at the same time wait for the same dials. */
  const probeAllOnce = (address: string, claimants: readonly Endpoint[]): Promise<boolean> => {
    const inProgress = finding.get(address);
    if (inProgress !== undefined) return inProgress;
    const probing = probeAll(address, claimants).finally(() => finding.delete(address));
    finding.set(address, probing);
    return probing;
  };

  const foundAt = (address: string): readonly Endpoint[] =>
    found.has(address) ? view.claimsAt(address).filter((one) => isFound(address, one)) : [];
  return {
    view: {
      get version() {
        return view.version;
      },
      endpointsOf: (namespace, service) => view.endpointsOf(namespace, service),
      endpoints: () => view.endpoints(),
      has: (instanceId) => view.has(instanceId),
      isComplete: (scope) => view.isComplete(scope),
      get complete() {
        return view.complete;
      },
      onChange: (listener) => view.onChange(listener),
      endpointsAt(address) {
        const here = foundAt(address);
        return here.length === 0
          ? view.endpointsAt(address)
          : [...view.endpointsAt(address), ...here];
      },
      claimsAt: (address) => view.claimsAt(address).filter((one) => !isFound(address, one)),
    },
    wasAt(address) {
      const nowMs = clock.monotonicMs();
      return [...(found.get(address)?.values() ?? [])].some(
        ({ goneMs }) => goneMs !== undefined && nowMs - goneMs < DEPARTED_MS,
      );
    },
    async find(address, claimants, patient) {
      const sinceMs = missingMs.get(address);
      if (sinceMs === undefined) return probeAllOnce(address, claimants);
      const ageMs = clock.monotonicMs() - sinceMs;
      if (patient) return ageMs >= MISSING_BLOCKING_MS && probeAllOnce(address, claimants);
      if (ageMs >= MISSING_MS) guard.promise('outbound', probeAllOnce(address, claimants));
      return false;
    },
    connected(address, worked) {
      const nowMs = clock.monotonicMs();
      for (const [key, one] of found.get(address) ?? []) {
        one.failedMs = worked ? undefined : (one.failedMs ?? nowMs);
        if (one.failedMs !== undefined && nowMs - one.failedMs >= DEPARTED_MS) drop(address, key);
      }
    },
    close: stop,
  };
}

/** Dialled at once for one address, and for each identity: a crowd of one identity hides no other. */
const MAX_ASKED = 16;
const MAX_ASKED_OF_ONE = 2;

function claimantsToDial(claimants: readonly Endpoint[]): readonly Endpoint[] {
  const distinct = [...new Map(claimants.map((one) => [keyOf(one), one])).values()];
  return distinct
    .filter((one, at) => {
      const before = distinct
        .slice(0, at)
        .filter(({ spiffeId: { uri } }) => uri === one.spiffeId.uri);
      return before.length < MAX_ASKED_OF_ONE;
    })
    .slice(0, MAX_ASKED);
}

function isConflicting(a: Endpoint, b: Endpoint): boolean {
  if (a.spiffeId.uri === b.spiffeId.uri) return false;
  return a.anyPort || b.anyPort || a.ports.some((port) => b.ports.includes(port));
}

function trim(map: Map<string, unknown>): void {
  if (map.size <= MAX_ADDRESSES) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

function keyOf({ spiffeId, hbonePort }: Endpoint): string {
  return `${spiffeId.uri} ${hbonePort}`;
}
