import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { ListenerState } from '../../proto/gen/hauberk/v1/question.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import type { PlaintextListener } from '../stream/plaintext-listener.ts';

/** What a process lends to the workload that it carries connections for. */
export interface Runtime {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whatever is not awaited runs under it. */
  readonly guard: Guard;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
  /** Bounds what waits in this process for slow readers. */
  readonly memory: MemoryBudget;
}

/** Collects what a data path opens. */
export interface Parts {
  /** Closes it with the data path. */
  own<Part extends Closeable>(part: Part): Part;
  /** As `own`, and drains it before. */
  ownDrained<Part extends Closeable & Drainable>(part: Part): Part;
  /** As `ownDrained`; its port is one of the workload's own. `kind` and `target` are told of it. */
  listener(listener: PlaintextListener, about: Pick<ListenerState, 'kind' | 'target'>): void;
}
