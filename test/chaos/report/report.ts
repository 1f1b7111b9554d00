import type { InvariantName } from '../invariants/violations.ts';
import type { PlannedFault } from '../plan/schedule.ts';

/** An invariant that was broken. */
export interface Violation {
  readonly invariant: InvariantName;
  readonly sentence: string;
  /** Since the run began. */
  readonly atMs: number;
}

/** One round as it went. */
export interface RoundReport {
  readonly faults: readonly PlannedFault[];
  /** How long everything took to be well after the last fault was healed; null when it was not. */
  readonly healedMs: number | null;
}

/** What a run was, and what it found. */
export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  /** The command that makes the same schedule again. */
  readonly command: string;
  readonly tookMs: number;
  readonly rounds: readonly RoundReport[];
  readonly violations: readonly Violation[];
  readonly writes: { readonly acknowledged: number; readonly failed: number };
  /** Connections with stolen keys that were refused. */
  readonly refusedAttacks: number;
  /** Requests that were answered over connections with stolen certificates before their expiry. */
  readonly usesInTime: number;
  readonly packets: { readonly seen: number; readonly lost: number };
  /** In the issuance log at the end. */
  readonly certificates: number;
  /** Processes that ended by themselves, and how. */
  readonly exits: readonly string[];
}
