import type { Logger } from 'pino';
import type { Decision, DenialReason } from '../../common/authorization/authorize.ts';
import type { HttpRequest } from '../../common/authorization/request-condition.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { RefusalLines } from '../../common/logging/refusal-lines.ts';
import type { Network } from '../../common/network/network.ts';
import type { Deadlines } from '../http/forward/deadlines.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { LiveConnections } from '../policy/live-connections.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import type { IncomingStream } from '../tunnel/tunnel.ts';
import type { ResolveExposure } from '../workload/exposure.ts';
import type { RequestCarriers } from './requests/request-carriers.ts';
import type { SourceOf } from './source-address.ts';
import type { StreamBudgets } from './stream-budget.ts';

/** What all streams of peers have in common. */
export interface InboundContext {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly network: Pick<Network, 'connect'>;
  readonly resolveExposure: ResolveExposure;
  readonly policies: Pick<PolicySource, 'current'>;
  /** What the policy of this moment says. */
  readonly decide: (stream: IncomingStream, port: number) => Decision;
  /** The same, about one of its requests; undefined for a connection that carries none. */
  readonly decideRequest: (
    stream: IncomingStream,
    port: number,
    request: HttpRequest | undefined,
  ) => Decision;
  /** What the application is told of the caller, in each request; undefined where it is told nothing. */
  readonly certificateOf: (stream: IncomingStream, port: number) => string | undefined;
  /** From which address the application is called. */
  readonly sourceOf: SourceOf;
  readonly deadlines: Deadlines;
  readonly guard: Guard;
  /** Bounds what requests have waiting for slow readers. */
  readonly memory: MemoryBudget;
  /** Connections whose requests are looked at. */
  readonly requests: RequestCarriers;
  readonly live: LiveConnections<DenialReason>;
  readonly mayLog: () => boolean;
  readonly budgets: StreamBudgets;
  readonly budgetLines: RefusalLines;
}
