import type { Clock } from '../../../common/clock.ts';
import type { MeshConfig } from '../../../common/mesh-config/mesh-config.ts';
import type { HistorySource } from '../../prometheus/history.ts';
import type { TrafficSource } from '../../traffic/traffic.ts';
import type { OperatorActions } from '../operator-actions.ts';

/** What answering takes. */
export interface QueryContext {
  readonly actions: OperatorActions;
  readonly clock: Clock;
  readonly trustDomain: string;
  /** The mesh configuration that is in force. */
  readonly config: () => MeshConfig;
  readonly traffic: TrafficSource;
  /** Longer history than the control plane remembers itself; undefined where it is not told of a Prometheus. */
  readonly prometheus: HistorySource | undefined;
  /** There is no other control plane now. */
  readonly isAlone: () => boolean;
}

/** A part of an answer of this control plane itself, which the types of messages cannot promise. */
export function required<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new TypeError('expected a whole answer of the control plane');
  return part;
}
