import type { SpiffeId } from '../../common/pki/spiffe-id.ts';

/** A sidecar that can be dialled, as the control plane told it. */
export interface Endpoint {
  /** Tells the instances of one service apart; stable across restarts of the sidecar. */
  readonly instanceId: string;
  /** The identity that its certificate must show. */
  readonly spiffeId: SpiffeId;
  /**
   * IP addresses in canonical form, the preferred one first; at least one. Each may be dialled, since the
   * certificate there says who answers.
   */
  readonly addresses: readonly [string, ...string[]];
  /** Those at which it is proven to be: what is called there is meant for it. */
  readonly proven: readonly string[];
  /** Where another identity was first. */
  readonly contests: readonly AddressContest[];
  readonly hbonePort: number;
  /** Ports that it exposes. */
  readonly ports: readonly number[];
  /** It serves every port of its addresses, but for the few that are its own business. */
  readonly anyPort: boolean;
}

/** An address and ports that an endpoint serves, and another identity did before. */
export interface AddressContest {
  readonly address: string;
  /** SPIFFE ID of who was first; what is called there is meant for it. */
  readonly holder: string;
  /** None: every port. */
  readonly ports: readonly number[];
}

/** True when the endpoint says that it serves the port. */
export function servesPort({ anyPort, ports }: Endpoint, port: number): boolean {
  return anyPort || ports.includes(port);
}

/**
 * True when what is called at the address and port is meant for the endpoint, as far as it says so itself
 * and no other identity was there before it.
 */
export function servesPortAt(endpoint: Endpoint, address: string, port: number): boolean {
  const isContested = endpoint.contests.some(
    (contest) =>
      contest.address === address && (contest.ports.length === 0 || contest.ports.includes(port)),
  );
  return !isContested && servesPort(endpoint, port);
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
   * All endpoints that are proven to be at an IP address, in canonical form. Usually one; several where
   * sidecars share a host.
   */
  endpointsAt(address: string): readonly Endpoint[];
  /** All endpoints that say they are at an IP address, without a proof. */
  claimsAt(address: string): readonly Endpoint[];
  endpoints(): readonly Endpoint[];
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: (change: MeshChange) => void): () => void;
}
