import type { Endpoint } from '../../common/wire/endpoint.ts';

/** What changed in the view. An endpoint whose place or ports changed is in `upserted`. */
export interface MeshChange {
  readonly upserted: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

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
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: (change: MeshChange) => void): () => void;
}
