import { Listeners } from '../../common/listeners.ts';
import { isSameEndpoint, type Endpoint } from '../../common/wire/endpoint.ts';
import type { MeshChange, MeshView } from './mesh-view.ts';

/** What the control plane says about the view: all of it, or what is different. */
export type ViewUpdate =
  | {
      readonly kind: 'snapshot';
      readonly version: number;
      readonly endpoints: readonly Endpoint[];
    }
  | {
      readonly kind: 'delta';
      readonly version: number;
      readonly upserted: readonly Endpoint[];
      /** Instance ids. */
      readonly removed: readonly string[];
    };

/** A view for its owner, who may change it. */
export interface MutableMeshView extends MeshView {
  /**
   * Applies an update and tells the listeners what is really different. A delta that is not newer
   * than the view is known already (two streams overlap while one replaces the other); a snapshot
   * always counts, because a control plane may have gone back to an older store.
   */
  apply(update: ViewUpdate): void;
}

/**
 * Creates an empty view.
 *
 * The lists that it hands out are never changed afterwards, only replaced: who holds one can walk
 * it while updates arrive, and a delta costs what the services that it names cost.
 */
export function createMeshView(): MutableMeshView {
  let version = 0;
  const byInstance = new Map<string, Endpoint>();
  const byService: Index = new Map();
  const byAddress: Index = new Map();
  const byClaim: Index = new Map();
  const listeners = new Listeners<[MeshChange]>();

  function put(endpoint: Endpoint, change: { upserted: Endpoint[]; removed: Endpoint[] }): void {
    const known = byInstance.get(endpoint.instanceId);
    if (known !== undefined && isSameEndpoint(known, endpoint)) return;
    if (known !== undefined) {
      unlist(known);
      if (known.spiffeId.uri !== endpoint.spiffeId.uri) change.removed.push(known);
    }
    byInstance.set(endpoint.instanceId, endpoint);
    addTo(byService, serviceKey(endpoint.spiffeId), endpoint);
    for (const address of endpoint.proven) addTo(byAddress, address, endpoint);
    for (const address of claimed(endpoint)) addTo(byClaim, address, endpoint);
    change.upserted.push(endpoint);
  }

  function remove(instanceId: string, change: { removed: Endpoint[] }): void {
    const known = byInstance.get(instanceId);
    if (known === undefined) return;
    unlist(known);
    byInstance.delete(instanceId);
    change.removed.push(known);
  }

  function unlist(endpoint: Endpoint): void {
    removeFrom(byService, serviceKey(endpoint.spiffeId), endpoint);
    for (const address of endpoint.proven) removeFrom(byAddress, address, endpoint);
    for (const address of claimed(endpoint)) removeFrom(byClaim, address, endpoint);
  }

  return {
    get version() {
      return version;
    },
    endpointsOf: (namespace, service) => byService.get(serviceKey({ namespace, service })) ?? [],
    endpointsAt: (address) => byAddress.get(address) ?? [],
    claimsAt: (address) => byClaim.get(address) ?? [],
    endpoints: () => [...byInstance.values()],
    has: (instanceId) => byInstance.has(instanceId),
    onChange: listeners.add,
    apply(update) {
      if (update.kind === 'delta' && update.version <= version) return;
      const change = { upserted: [], removed: [] };
      const gone = update.kind === 'delta' ? update.removed : missingFrom(update.endpoints);
      for (const instanceId of gone) remove(instanceId, change);
      const present = update.kind === 'delta' ? update.upserted : update.endpoints;
      for (const endpoint of present) put(endpoint, change);
      version = update.version;
      if (change.upserted.length + change.removed.length === 0) return;
      listeners.tell(change);
    },
  };

  function missingFrom(endpoints: readonly Endpoint[]): string[] {
    const present = new Set(endpoints.map(({ instanceId }) => instanceId));
    return [...byInstance.keys()].filter((instanceId) => !present.has(instanceId));
  }
}

function claimed({ addresses, proven }: Endpoint): readonly string[] {
  return addresses.filter((address) => !proven.includes(address));
}

type Index = Map<string, readonly Endpoint[]>;

function addTo(index: Index, key: string, endpoint: Endpoint): void {
  index.set(key, [...(index.get(key) ?? []), endpoint]);
}

function removeFrom(index: Index, key: string, endpoint: Endpoint): void {
  const left = index.get(key)?.filter((listed) => listed !== endpoint) ?? [];
  if (left.length === 0) index.delete(key);
  else index.set(key, left);
}

// Neither part can hold a slash.
function serviceKey({ namespace, service }: { namespace: string; service: string }): string {
  return `${namespace}/${service}`;
}
