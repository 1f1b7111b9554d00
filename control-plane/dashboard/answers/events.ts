/** What an event is about; each kind has its own room in what is remembered. */
export type EventKind =
  | 'certificates'
  | 'refusals'
  | 'addresses'
  | 'configuration'
  | 'sidecars'
  | 'control planes'
  | 'operators'
  | 'other';

/** Something that has happened, as the log of the control plane told it. */
export interface MeshEvent {
  readonly kind: EventKind;
  readonly level: 'info' | 'warn' | 'error';
  /** The name that it has in the log. */
  readonly event: string;
  readonly sentence: string;
  /** When it happened first, and last. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  /** The code of a refusal or of an error, which docs/errors.md explains. */
  readonly reason?: string | undefined;
  /** What to do. */
  readonly hint?: string | undefined;
  /** Whom it is about. */
  readonly spiffeId?: string | undefined;
}

/** What this control plane remembers. */
export interface EventsAnswer {
  readonly nowMs: number;
  /** Since when it runs: of what was before, its log tells. */
  readonly sinceMs: number;
  /** The newest first. */
  readonly events: readonly MeshEvent[];
}
