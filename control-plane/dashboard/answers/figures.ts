/** One end of an edge of the graph: a service, or what is not in the mesh. */
export interface EdgeEnd {
  /** `NAMESPACE/SERVICE`; outside of the mesh an address, a host and port, or a SPIFFE ID of another trust domain. */
  readonly name: string;
  readonly kind: 'service' | 'outside';
}

/** What passes from one end to the other at a port, in each second of the interval. */
export interface EdgeFigures {
  readonly from: EdgeEnd;
  readonly to: EdgeEnd;
  /** 0 where it is not known. */
  readonly port: number;
  /** It passes without encryption. */
  readonly plaintext: boolean;
  readonly connectionsOpen: number;
  readonly connectionsPerSecond: number;
  readonly requestsPerSecond: number;
  /** Connections and requests that did not succeed. */
  readonly failuresPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of the requests; absent where there were none. */
  readonly p50Ms?: number | undefined;
  readonly p99Ms?: number | undefined;
  /** Of the failures, by reason. */
  readonly reasons: readonly FailureReason[];
}

/** How often something failed, and what to do about it. */
export interface FailureReason {
  readonly reason: string;
  readonly perSecond: number;
}

/** What passes now. */
export interface FiguresAnswer {
  readonly nowMs: number;
  readonly edges: readonly EdgeFigures[];
  /** There are more than are told apart. */
  readonly truncated: boolean;
  /** Sidecars that were asked, and that have answered. */
  readonly sidecars: number;
  readonly reporting: number;
  /** Control planes whose sidecars are missing, with the reason. */
  readonly unreached: readonly string[];
}
