/** Whether sidecars have a TLS connection each, or the instances of a service share some. */
export type Connections = 'shared' | 'own';

/** Whether sidecars ask to be told of the services that they call, or of everything, as old ones do. */
export type InterestKind = 'calls' | 'all';

/** One service of the fleet, as far as one simulator has it. */
export interface ServicePlan {
  readonly name: string;
  readonly token: string;
  /** Of its first instance, among all sidecars of the fleet. */
  readonly first: number;
  readonly instances: number;
  /** Names of the services that it calls. */
  readonly calls: readonly string[];
  /** Names of those that call it, for the traffic that it reports. */
  readonly callers: readonly string[];
}

/** Everything that a simulator has to know before it begins. */
export interface SimulatorPlan {
  readonly host: string;
  readonly port: number;
  readonly trustDomain: string;
  readonly namespace: string;
  readonly connections: Connections;
  readonly interest: InterestKind;
  readonly services: readonly ServicePlan[];
}

/** What is waited for: the first message that says so counts, for each sidecar. */
export type Sighting =
  | { readonly kind: 'endpoint'; readonly instanceId: string; readonly port: number }
  | { readonly kind: 'revocation'; readonly spiffeId: string }
  | { readonly kind: 'policy'; readonly configVersion: number }
  | { readonly kind: 'bundle'; readonly bundleVersion: number };

/** What a simulator is told to do, one line of JSON each, with a number that its answer has too. */
export type SimulatorOrder =
  | { readonly kind: 'plan'; readonly plan: SimulatorPlan }
  /** A certificate for each connection. */
  | { readonly kind: 'enrol' }
  /** A Sync stream for each sidecar, over connections that are opened for it. */
  | { readonly kind: 'connect'; readonly deadlineMs: number }
  /** Messages and bytes that came in since the last time. */
  | { readonly kind: 'traffic' }
  /** Forgets who saw what before. */
  | { readonly kind: 'watch'; readonly sighting: Sighting }
  /** Asks how many have seen it so far. */
  | { readonly kind: 'count-seen' }
  /** Asks when each did. */
  | { readonly kind: 'seen' }
  /** The sidecar serves another port from now on. */
  | { readonly kind: 'move'; readonly instanceId: string; readonly port: number }
  /** Every sidecar asks for its next certificate once, over the connection that it has. */
  | { readonly kind: 'renew' }
  /** A new certificate for each connection, and new connections with it. */
  | { readonly kind: 'replace' }
  /** From now on lost streams and failures are counted from zero. */
  | { readonly kind: 'expect-restart' }
  /** Answers when all sidecars are connected, or at the deadline. */
  | { readonly kind: 'back'; readonly deadlineMs: number };

/** How a lot of calls went. */
export interface CallsOutcome {
  readonly done: number;
  readonly seconds: number;
  /** How often, by reason. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Messages that came in. */
export interface TrafficOutcome {
  readonly messages: number;
  readonly bytes: number;
  /** Endpoints in them. */
  readonly endpoints: number;
}

/** When each sidecar saw what was waited for, by the machine's clock. */
export interface SeenOutcome {
  readonly atMs: readonly number[];
}

/** When it was said that the endpoint moved, by the machine's clock. */
export interface MovedOutcome {
  readonly atMs: number;
}

/** How the fleet came back. */
export interface BackOutcome {
  readonly connected: number;
  /** When each stream was answered again, by the machine's clock. */
  readonly atMs: readonly number[];
  /** Tries that failed, by reason. */
  readonly failures: Readonly<Record<string, number>>;
}
