import { Listeners } from '../../common/listeners.ts';
import { isSameEndpoint, type Endpoint } from '../../common/wire/endpoint.ts';
import { scopesOf, type Scope } from '../../common/wire/interest.ts';
import type { CompletenessChange, MeshChange, MeshView } from './mesh-view.ts';

/** What is said about the view: all of it, or what is different. */
export type ViewUpdate =
  | {
      readonly kind: 'snapshot';
      readonly version: number;
      readonly endpoints: readonly Endpoint[];
      /** What they are all of; undefined: all of the mesh. */
      readonly complete?: readonly Scope[] | undefined;
      /** Addresses at which an endpoint was until lately. */
      readonly departed?: readonly string[];
    }
  | {
      readonly kind: 'delta';
      readonly version: number;
      readonly upserted: readonly Endpoint[];
      /** Instance ids. */
      readonly removed: readonly string[];
      /** An endpoint that fits one of these, and is not in `upserted`, has gone. */
      readonly complete?: readonly Scope[] | undefined;
      readonly departed?: readonly string[];
    };

/** A view for its owner, who may change it. */
export interface MutableMeshView extends MeshView {
  /** Applies an update and tells the listeners what is really different. */
  apply(update: ViewUpdate): void;
  /** Forgets all endpoints but those of these scopes: this sidecar is told of no others. */
  keepOnly(scopes: ReadonlySet<Scope>): void;
  /** Does what another view has done. */
  repeat(change: MeshChange, version: number): void;
}

/** What is collected while a view changes. */
interface Changing {
  readonly upserted: Endpoint[];
  readonly removed: Endpoint[];
  completeness: CompletenessChange | undefined;
}

/**
 * Creates an empty view, which is complete: nothing is known of any endpoint that is not in it.
 *
 * The lists that it hands out are never changed afterwards, only replaced: who holds one can walk
 * it while updates arrive, and a delta costs what the services that it names cost.
 */
export function createMeshView(): MutableMeshView {
  let version = 0;
  let complete: Set<Scope> | undefined;
  const byInstance = new Map<string, Endpoint>();
  const byService: Index = new Map();
  const byAddress: Index = new Map();
  const byClaim: Index = new Map();
  const byScope: Index = new Map();
  const listeners = new Listeners<[MeshChange]>();

  function put(endpoint: Endpoint, change: Changing): void {
    const known = byInstance.get(endpoint.instanceId);
    if (known !== undefined && isSameEndpoint(known, endpoint)) return;
    if (known !== undefined) {
      list(known, removeFrom);
      if (known.spiffeId.uri !== endpoint.spiffeId.uri) change.removed.push(known);
    }
    byInstance.set(endpoint.instanceId, endpoint);
    list(endpoint, addTo);
    change.upserted.push(endpoint);
  }

  function remove(instanceId: string, change: Changing): void {
    const known = byInstance.get(instanceId);
    if (known === undefined) return;
    list(known, removeFrom);
    byInstance.delete(instanceId);
    change.removed.push(known);
  }

  function list(endpoint: Endpoint, how: typeof addTo): void {
    how(byService, serviceKey(endpoint.spiffeId), endpoint);
    for (const address of endpoint.proven) how(byAddress, address, endpoint);
    for (const address of claimed(endpoint)) how(byClaim, address, endpoint);
    for (const scope of scopesOf(endpoint)) how(byScope, scope, endpoint);
  }

  /** Says that it is complete about these, too. */
  function extend(scopes: readonly Scope[], change: Changing): void {
    const known = complete;
    if (known === undefined) return;
    const added = scopes.filter((scope) => !known.has(scope));
    for (const scope of added) known.add(scope);
    if (added.length > 0) change.completeness = { kind: 'scopes', added, dropped: [] };
  }

  function replaceComplete(scopes: readonly Scope[] | undefined, change: Changing): void {
    const before = complete;
    complete = scopes && new Set(scopes);
    if (complete === undefined) {
      if (before !== undefined) change.completeness = { kind: 'everything' };
      return;
    }
    const added = [...complete].filter((scope) => before?.has(scope) !== true);
    const dropped = [...(before ?? [])].filter((scope) => complete?.has(scope) === false);
    if (before === undefined || added.length + dropped.length > 0)
      change.completeness = { kind: 'scopes', added, dropped };
  }

  /** Where an endpoint was before and none is any more. */
  function left(before: readonly Endpoint[], told: readonly string[]): string[] {
    const places = new Set([...before.flatMap(({ proven }) => proven), ...told]);
    return [...places].filter((address) => !byAddress.has(address));
  }

  function tell({ upserted, removed, completeness }: Changing, departed: readonly string[]): void {
    if (upserted.length + removed.length + departed.length === 0 && completeness === undefined)
      return;
    listeners.tell({ upserted, removed, completeness, departed });
  }

  /** Those that a delta says have gone, or that this sidecar is not told of any more. */
  function gone({ removed, complete: answered = [], upserted }: Delta): string[] {
    const present = new Set(upserted.map(({ instanceId }) => instanceId));
    const fitting = answered.flatMap((scope) => byScope.get(scope) ?? []);
    const missing = fitting.map(({ instanceId }) => instanceId).filter((id) => !present.has(id));
    return [...removed, ...missing];
  }

  return {
    get version() {
      return version;
    },
    get complete() {
      return complete;
    },
    isComplete: (scope) => complete?.has(scope) ?? true,
    endpointsOf: (namespace, service) => byService.get(serviceKey({ namespace, service })) ?? [],
    endpointsAt: (address) => byAddress.get(address) ?? [],
    claimsAt: (address) => byClaim.get(address) ?? [],
    endpoints: () => [...byInstance.values()],
    has: (instanceId) => byInstance.has(instanceId),
    onChange: listeners.add,
    apply(update) {
      const change: Changing = { upserted: [], removed: [], completeness: undefined };
      const present = update.kind === 'delta' ? update.upserted : update.endpoints;
      const missing = update.kind === 'delta' ? gone(update) : missingFrom(present);
      const before = [...missing, ...present.map(({ instanceId }) => instanceId)].flatMap(
        (instanceId) => byInstance.get(instanceId) ?? [],
      );
      for (const instanceId of missing) remove(instanceId, change);
      if (update.kind === 'delta') extend(update.complete ?? [], change);
      else replaceComplete(update.complete, change);
      for (const endpoint of present) {
        // What is said late of a scope that was dropped would never be taken back.
        if (isAskedFor(endpoint)) put(endpoint, change);
        else remove(endpoint.instanceId, change);
      }
      version = update.version;
      tell(change, left(before, update.departed ?? []));
    },
    keepOnly(scopes) {
      const change: Changing = { upserted: [], removed: [], completeness: undefined };
      const known = complete;
      const kept = [...scopes].filter((scope) => known?.has(scope) ?? true);
      replaceComplete(kept, change);
      if (change.completeness === undefined) return;
      for (const endpoint of byInstance.values())
        if (!isAskedFor(endpoint)) remove(endpoint.instanceId, change);
      // They are where they were.
      tell(change, []);
    },
    repeat({ upserted, removed, departed, completeness }, newVersion) {
      const change: Changing = { upserted: [], removed: [], completeness };
      const present = new Set(upserted.map(({ instanceId }) => instanceId));
      for (const { instanceId } of removed)
        if (!present.has(instanceId)) remove(instanceId, change);
      for (const endpoint of upserted) put(endpoint, change);
      if (completeness?.kind === 'everything') complete = undefined;
      if (completeness?.kind === 'scopes') {
        complete ??= new Set();
        for (const scope of completeness.added) complete.add(scope);
        for (const scope of completeness.dropped) complete.delete(scope);
      }
      version = newVersion;
      tell(change, departed);
    },
  };

  function isAskedFor(endpoint: Endpoint): boolean {
    const known = complete;
    return known === undefined || scopesOf(endpoint).some((scope) => known.has(scope));
  }

  function missingFrom(endpoints: readonly Endpoint[]): string[] {
    const present = new Set(endpoints.map(({ instanceId }) => instanceId));
    return [...byInstance.keys()].filter((instanceId) => !present.has(instanceId));
  }
}

type Delta = Extract<ViewUpdate, { readonly kind: 'delta' }>;

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
