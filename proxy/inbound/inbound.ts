import type { Logger } from 'pino';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { PROCESS_PORTS } from '../../common/budget/ports.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { DenialReason } from '../../common/authorization/authorize.ts';
import { createRefusalLines } from '../../common/logging/refusal-lines.ts';
import { DecisionCache } from '../policy/decision-cache.ts';
import { Deadlines } from '../http/forward/deadlines.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import type { IncomingStream } from '../tunnel/tunnel.ts';
import type { Workload } from '../workload/workload.ts';
import type { InboundContext } from './context.ts';
import { InboundStream } from './inbound-stream.ts';
import { RequestCarriers } from './requests/request-carriers.ts';
import type { SourceOf } from './source-address.ts';
import { streamRate, type StreamBudgets } from './stream-budget.ts';
import { LiveConnections } from '../policy/live-connections.ts';

/** What handling an incoming stream needs. */
export interface InboundDependencies extends Partial<Omit<StreamBudgets, 'opened'>> {
  /** Whose streams they are. */
  readonly workload: Pick<Workload, 'id' | 'policies' | 'exposure' | 'metrics' | 'network'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Guard;
  /** Bounds what requests have waiting for slow readers, with all tunnels. */
  readonly memory: MemoryBudget;
  /** Ports whose application is told who calls, in each request. */
  readonly forwardClientCert?: readonly number[];
  /** By default the application is called from an address of this host. */
  readonly sourceOf?: SourceOf;
}

/** Takes the streams of peers. */
export interface Inbound {
  readonly serve: (stream: IncomingStream) => void;
  /** Has connections whose requests are looked at end as soon as they can. What is carried as bytes ends by itself. */
  drain(): void;
}

/**
 * Handles the streams that peers open: authorise, connect to the application, and only then answer
 * 200, so that a peer's success means that the application has accepted. Every refusal has its
 * reason in the log and in a metric; the peer sees the status alone.
 *
 * An accepted stream is judged again whenever the policy changes, and closed when it is no longer allowed.
 * One that a mistake of the program ends is refused or reset, and its connection to the application too.
 */
export function createInbound(dependencies: InboundDependencies): Inbound {
  const { workload, clock, logger, guard, memory, forwardClientCert = [] } = dependencies;
  const { sourceOf = () => ({ kind: 'own' }) } = dependencies;
  const { descriptors = PROCESS_DESCRIPTORS, ports = PROCESS_PORTS } = dependencies;
  const decisions = new DecisionCache();
  const { id: destination, policies, exposure, metrics, network } = workload;
  const certificatePorts = new Set(forwardClientCert);
  const context: InboundContext = {
    clock,
    logger,
    metrics,
    network,
    resolveExposure: exposure,
    policies,
    decide: ({ peer: source }, port) =>
      decisions.decide({ source, destination, port }, policies.current()),
    decideRequest: ({ peer: source }, port, request) =>
      decisions.decideRequest({ source, destination, port }, request, policies.current()),
    certificateOf: ({ peer }, port) =>
      certificatePorts.has(port) ? `By=${destination.uri};URI=${peer.uri}` : undefined,
    sourceOf,
    deadlines: new Deadlines(clock),
    guard,
    memory,
    requests: new RequestCarriers(),
    budgets: { descriptors, ports, opened: new KeyedBuckets(clock, streamRate(ports)) },
    budgetLines: createRefusalLines(clock, logger),
    live: new LiveConnections<DenialReason>(policies),
    mayLog: createLogLimit(clock),
  };
  return {
    serve(incoming) {
      const stream = new InboundStream(incoming, context);
      guard.run(
        'inbound',
        () => stream.serve(),
        () => stream.abandon(),
      );
    },
    drain: () => context.requests.drain(),
  };
}
