import type { Logger } from 'pino';
import { BUDGET_REFUSALS, type BudgetRefusal } from '../../common/budget/budget-error.ts';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { PROCESS_PORTS } from '../../common/budget/ports.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import type { Network } from '../../common/network.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { Decision, DenialReason } from '../../common/authorization/authorize.ts';
import { createRefusalLines, type RefusalLines } from '../../common/logging/refusal-lines.ts';
import { DecisionCache } from '../policy/decision-cache.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { formatAuthority } from '../tunnel/authority.ts';
import type { IncomingStream } from '../tunnel/tunnel.ts';
import { admit, type Admission, withoutRequests } from './admission.ts';
import { appFailureReason, connectToApp } from './app-connection.ts';
import type { ResolveExposure } from '../workload/exposure.ts';
import type { Workload } from '../workload/workload.ts';
import { claimStream, streamRate, type StreamBudgets } from './stream-budget.ts';
import { type Termination, LiveConnections } from '../policy/live-connections.ts';
import { relay } from '../stream/relay.ts';
import type { SocketStream } from '../stream/socket-stream.ts';

/** What handling an incoming stream needs. */
export interface InboundDependencies extends Partial<Omit<StreamBudgets, 'opened'>> {
  /** Whose streams they are. */
  readonly workload: Pick<Workload, 'id' | 'policies' | 'exposure' | 'metrics' | 'network'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Guard;
}

/** An authority is of any length and content; the log takes this much of it. */
const MAX_LOGGED = 256;

/**
 * Handles the streams that peers open: authorise, connect to the application, and only then answer
 * 200, so that a peer's success means that the application has accepted. Every refusal has its
 * reason in the log and in a metric; the peer sees the status alone.
 *
 * An accepted stream is judged again whenever the policy changes, and closed when it is no longer allowed.
 * One that a mistake of the program ends is refused or reset, and its connection to the application too.
 */
export function createInbound(dependencies: InboundDependencies): (stream: IncomingStream) => void {
  const { workload, clock, logger, guard } = dependencies;
  const { descriptors = PROCESS_DESCRIPTORS, ports = PROCESS_PORTS } = dependencies;
  const decisions = new DecisionCache();
  const { id: destination, policies, exposure, metrics, network } = workload;
  const context: InboundContext = {
    clock,
    logger,
    metrics,
    network,
    resolveExposure: exposure,
    policies,
    decide: ({ peer: source }, port) =>
      withoutRequests(decisions.decide({ source, destination, port }, policies.current())),
    budgets: { descriptors, ports, opened: new KeyedBuckets(clock, streamRate(ports)) },
    budgetLines: createRefusalLines(clock, logger),
    live: new LiveConnections<DenialReason>(policies),
    mayLog: createLogLimit(clock),
  };
  return (stream) => {
    const held = new DisposableStack();
    guard.run(
      'inbound',
      () => serve(stream, held, context),
      () => held.dispose(),
    );
  };
}

interface InboundContext {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
  readonly network: Pick<Network, 'connect'>;
  readonly resolveExposure: ResolveExposure;
  readonly policies: Pick<PolicySource, 'current'>;
  /** What the policy of this moment says. */
  readonly decide: (stream: IncomingStream, port: number) => Decision;
  readonly live: LiveConnections<DenialReason>;
  readonly mayLog: () => boolean;
  readonly budgets: StreamBudgets;
  readonly budgetLines: RefusalLines;
}

/** `held` releases all that the stream has, where this rejects. */
async function serve(
  stream: IncomingStream,
  held: DisposableStack,
  context: InboundContext,
): Promise<void> {
  const { clock, metrics } = context;
  held.defer(() => stream.refuse(503));
  const peer = stream.peer.uri;
  const { authority } = stream;
  const { resolveExposure } = context;
  const decide = (port: number): Decision => context.decide(stream, port);
  const policies = context.policies.current();
  const first = admit({ authority, decide, resolveExposure });
  if (first.kind === 'refused') return refuse(stream, context, first);
  const claim = claimStream(peer, first.target, context.budgets);
  if (claim.kind === 'denied') {
    const { reason, why } = claim;
    return refuse(stream, context, { kind: 'refused', status: 503, reason, why });
  }
  const startedMs = clock.monotonicMs();
  let app: SocketStream;
  try {
    app = await connectToApp(first.target, context, stream.signal);
    held.adopt(app, () => app.reset());
    app.socket.once('close', claim.release);
  } catch (error) {
    claim.release();
    if (stream.signal.aborted) metrics.connectionFailed('inbound', peer, 'aborted');
    else {
      const place = formatAuthority(first.target);
      const why = `the application at ${place} did not accept: ${describeError(error)}`;
      const reason = appFailureReason(error);
      if (isBudgetRefusal(reason)) context.budgets.descriptors.refuse(reason);
      refuse(stream, context, { kind: 'refused', status: 503, reason, why });
    }
    return;
  }
  // The policy may have changed while the application took its time.
  const isSame = context.policies.current() === policies;
  const admission = isSame ? first : admit({ authority, decide, resolveExposure });
  if (admission.kind === 'refused') {
    app.reset();
    return refuse(stream, context, admission);
  }
  noteAudited(stream, context, admission);
  metrics.connected('inbound', (clock.monotonicMs() - startedMs) / 1000);
  const connection = metrics.connectionOpened('inbound', peer, authorityOf(stream));
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  held.defer(() => connection.closed('app-reset', seconds()));
  let cut = false;
  const leave = context.live.add({
    reauthorize() {
      const decision = decide(admission.port);
      return decision.allowed ? undefined : decision;
    },
    terminate(reason) {
      cut = true;
      noteCut(stream, context, reason);
      // The relay takes it for an application that broke off, and resets the stream.
      app.reset();
    },
  });
  held.defer(leave);
  const accepted = stream.accept();
  held.adopt(accepted, () => accepted.reset());
  const outcome = await relay(app, accepted, connection.counters, connection.observer);
  leave();
  // The relay leaves it open for another try, which only the side that dialled can make.
  if (outcome === 'untouched') app.reset();
  connection.closed(cut ? 'denied' : outcome, seconds());
}

function refuse(
  stream: IncomingStream,
  { logger, metrics, mayLog, budgetLines }: InboundContext,
  { status, reason, why, rules }: Admission & { readonly kind: 'refused' },
): void {
  const peer = stream.peer.uri;
  metrics.connectionFailed('inbound', peer, reason);
  stream.refuse(status);
  const details = { event: 'stream-refused', peer, authority: authorityOf(stream), status };
  if (isBudgetRefusal(reason)) {
    return budgetLines({ ...details, reason }, `refused a stream from ${peer}: ${why}`);
  }
  if (!mayLog()) return;
  const line = { ...details, reason };
  logger.warn(
    rules === undefined || rules.length === 0 ? line : { ...line, rules },
    `refused a stream from ${peer}: ${why ?? reason}`,
  );
}

function noteCut(
  stream: IncomingStream,
  { logger, mayLog }: InboundContext,
  { reason, why }: Termination<DenialReason>,
): void {
  if (!mayLog()) return;
  const peer = stream.peer.uri;
  logger.warn(
    { event: 'stream-cut', peer, authority: authorityOf(stream), reason },
    `closed a stream from ${peer}, which is no longer allowed: ${why}`,
  );
}

function noteAudited(
  stream: IncomingStream,
  { logger, metrics, mayLog }: InboundContext,
  { audited }: Admission & { readonly kind: 'admitted' },
): void {
  if (audited.length === 0) return;
  const peer = stream.peer.uri;
  for (const rule of audited) metrics.policyAudited(peer, rule);
  if (!mayLog()) return;
  logger.warn(
    { event: 'stream-audited', peer, authority: authorityOf(stream), rules: audited },
    `accepted a stream from ${peer} that ${audited.join(', ')} would refuse, but only audits`,
  );
}

function isBudgetRefusal(reason: string): reason is BudgetRefusal {
  return (BUDGET_REFUSALS as readonly string[]).includes(reason);
}

function authorityOf({ authority }: IncomingStream): string {
  return authority.slice(0, MAX_LOGGED);
}
