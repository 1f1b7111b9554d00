/** Where a place can be reached, by its own account. */
export interface AgentInterface {
  readonly name: string;
  readonly address: string;
  /** `10.0.0.7/24` */
  readonly cidr: string;
}

/** The two texts that must never be readable on the wire: one for each direction. */
export interface Canaries {
  readonly there: string;
  readonly back: string;
}

/**
 * What an agent is asked to do, in a line of JSON on its standard input: there may be a key in it. After
 * `answer` it serves until it is ended; after `probe` it can do nothing else any more.
 */
export type AgentTask =
  | { readonly kind: 'look' }
  | { readonly kind: 'answer'; readonly canaries: Canaries }
  | {
      readonly kind: 'call';
      readonly address: string;
      readonly port: number;
      readonly canaries: Canaries;
      readonly messages: number;
    }
  | {
      readonly kind: 'request';
      readonly host: string;
      readonly port: number;
      readonly canary: string;
      readonly requests: number;
    }
  | ProbeTask;

/** Asks to probe a sidecar in all the ways that it must refuse. */
export interface ProbeTask {
  readonly kind: 'probe';
  readonly address: string;
  readonly port: number;
  /** Asked for through the tunnel, by the one who may not. */
  readonly authority: string;
  /** In PEM; undefined: that probe is left out. */
  readonly admin:
    { readonly key: string; readonly chain: string; readonly roots: string } | undefined;
}

/** What came of sending canaries. */
export interface CanaryOutcome {
  readonly sent: number;
  /** How many of them were answered. */
  readonly answered: number;
  /** Bytes of the application, as it sent and received them. */
  readonly bytesThere: number;
  readonly bytesBack: number;
  /** What ended it early. */
  readonly failure: string | undefined;
}

/** Attempts that a sidecar must refuse. */
export type ProbeKind = 'no-certificate' | 'other-authority' | 'wrong-identity' | 'old-tls';

/** How an attempt went. */
export interface ProbeOutcome {
  readonly probe: ProbeKind;
  /**
   * - `refused`: the peer spoke TLS, and did not let the client in
   * - `accepted`: it let the client in
   * - `unclear`: no server listened, or it did not speak TLS, or it did not answer: nothing is proven
   * - `not-tried`
   */
  readonly result: 'refused' | 'accepted' | 'unclear' | 'not-tried';
  /** How it showed: a phrase. */
  readonly detail: string;
}

/** What an agent says; one line of JSON each. */
export type AgentMessage =
  | { readonly event: 'interfaces'; readonly interfaces: readonly AgentInterface[] }
  | { readonly event: 'listening'; readonly port: number }
  | { readonly event: 'answered'; readonly received: number }
  | ({ readonly event: 'called' } & CanaryOutcome)
  | ({ readonly event: 'requested'; readonly answers: readonly string[] } & CanaryOutcome)
  | { readonly event: 'probed'; readonly probes: readonly ProbeOutcome[] }
  | { readonly event: 'failed'; readonly sentence: string };
