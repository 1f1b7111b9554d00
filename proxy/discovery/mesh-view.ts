import type { Endpoint } from '../../common/wire/endpoint.ts';
import type { Scope } from '../../common/wire/interest.ts';

/** What changed in the view. An endpoint whose place or ports changed is in `upserted`. */
export interface MeshChange {
  readonly upserted: readonly Endpoint[];
  /** They have gone, or this sidecar is no longer told of them. */
  readonly removed: readonly Endpoint[];
  /** Addresses at which an endpoint was proven to be, and none is now. */
  readonly departed: readonly string[];
  /** Of what the view has every endpoint, where that is different now; undefined: where it always had. */
  readonly completeness: CompletenessChange | undefined;
}

/** A change of what a view is complete about. */
export type CompletenessChange =
  /** It has every endpoint of the mesh. */
  | { readonly kind: 'everything' }
  /** It has those of some scopes; after `everything`, only those that are added. */
  | {
      readonly kind: 'scopes';
      readonly added: readonly Scope[];
      readonly dropped: readonly Scope[];
    };

/** What this sidecar knows of the mesh. It stays as it was while the control plane is unreachable. */
export interface MeshView {
  /** 0 before anything was learnt. */
  readonly version: number;
  /** All endpoints of a service, in no particular order. */
  endpointsOf(namespace: string, service: string): readonly Endpoint[];
  /**
   * All endpoints that are proven to be at an IP address, in canonical form. Usually one; several where
   * sidecars share a host.
   */
  endpointsAt(address: string): readonly Endpoint[];
  /** All endpoints that say they are at an IP address, without a proof. */
  claimsAt(address: string): readonly Endpoint[];
  endpoints(): readonly Endpoint[];
  /** True while the sidecar is one that can be called: it neither drains nor is gone. */
  has(instanceId: string): boolean;
  /** True when it has every endpoint that fits the scope: the control plane was asked about it, and has answered. */
  isComplete(scope: Scope): boolean;
  /** What it has every endpoint of; undefined: of the mesh. */
  readonly complete: ReadonlySet<Scope> | undefined;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: (change: MeshChange) => void): () => void;
}
