import type { App } from '../lab/app.ts';
import type { Placement } from '../lab/placement.ts';
import type { Pair } from '../peers/pair.ts';
import type { HauberkOptions, PeerKind, PeerRole } from '../peers/peer.ts';
import type { Metric } from '../results/metric.ts';
import type { Sample } from '../results/results.ts';

/** One thing to measure, on any pair. */
export interface Workload {
  /** As in `--only`. */
  readonly id: string;
  readonly title: string;
  /** What is done, in a sentence or two for the reader of the figures. */
  readonly description: string;
  readonly metrics: readonly Metric[];
  /**
   * `shared`: the pair that other workloads ran on before; `own`: a new one for each measurement,
   * because what was before would show.
   */
  readonly pair: 'shared' | 'own';
  /** What the peers are measured as; a pair of sidecars when left out. */
  readonly role?: PeerRole;
  /** What a pair of its own is started with. */
  readonly hauberk?: HauberkOptions;
  /** Kinds of peers that it makes sense for; all when left out. */
  readonly kinds?: readonly PeerKind[];
  /** Whether the metrics are read once a second meanwhile: yes, unless this says no. */
  readonly scraped?: boolean;
  /** The workload that has to be measured before it, with all peers. */
  readonly needs?: string;
  /** When it is run unless `--only` names it. */
  readonly inRuns: readonly RunKind[];
  /** Measures once. Rejects when something failed: a figure of a load that failed is none. */
  measure(context: WorkloadContext): Promise<Readonly<Record<string, number>>>;
}

/** `quick` takes a few minutes, `full` is what is published, `check` is what CI runs. */
export type RunKind = 'quick' | 'full' | 'check';

/** What a workload is given. */
export interface WorkloadContext {
  readonly pair: Pair;
  readonly app: App;
  readonly placement: Placement;
  /** How long to measure, where that is a matter of time. */
  readonly seconds: number;
  /** What the run has measured before. */
  readonly samples: readonly Sample[];
  /** For files of the load. */
  readonly directory: string;
}
