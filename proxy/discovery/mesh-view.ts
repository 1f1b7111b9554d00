import type { SpiffeId } from '../../common/pki/spiffe-id.ts';

/** A sidecar that can be dialled, as the control plane told it. */
export interface Endpoint {
  /** Tells the instances of one service apart; stable across restarts of the sidecar. */
  readonly instanceId: string;
  /** The identity that its certificate must show. */
  readonly spiffeId: SpiffeId;
  /** IP addresses in canonical form, the preferred one first; at least one. */
  readonly addresses: readonly [string, ...string[]];
  readonly hbonePort: number;
  /** Ports that it exposes. */
  readonly ports: readonly number[];
  /** It serves every port of its addresses, but for the few that are its own business. */
  readonly anyPort: boolean;
}

/** True when the endpoint says that it serves the port. */
export function servesPort({ anyPort, ports }: Endpoint, port: number): boolean {
  return anyPort || ports.includes(port);
}

/** What changed in the view. An endpoint whose place or ports changed is in `upserted`. */
export interface MeshChange {
  readonly upserted: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

/** What this sidecar knows of the mesh. It stays as it was while the control plane is away. */
export interface MeshView {
  /** 0 before anything was learnt. */
  readonly version: number;
  /** All endpoints of a service, in no particular order. */
  endpointsOf(namespace: string, service: string): readonly Endpoint[];
  /**
   * All endpoints that say they are at an IP address, in canonical form. Usually one; several where
   * sidecars share a host, or where hosts have networks with the same addresses.
   */
  endpointsAt(address: string): readonly Endpoint[];
  endpoints(): readonly Endpoint[];
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: (change: MeshChange) => void): () => void;
}
