import type { Logger } from 'pino';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { PROCESS_PORTS } from '../../common/budget/ports.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import { type Decision, type DenialReason } from '../../common/authorization/authorize.ts';
import { createRefusalLines } from '../../common/logging/refusal-lines.ts';
import { DecisionCache } from '../policy/decision-cache.ts';
import { Deadlines } from '../http/forward/deadlines.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import { formatAuthority } from '../tunnel/authority.ts';
import type { IncomingStream } from '../tunnel/tunnel.ts';
import { admit } from './admission.ts';
import { appFailureReason, connectToApp } from './app-connection.ts';
import type { Workload } from '../workload/workload.ts';
import type { InboundContext } from './context.ts';
import { authorityOf, isBudgetRefusal, noteAudited, noteCut, refuse } from './lines.ts';
import { RequestCarriers } from './requests/request-carriers.ts';
import type { CarriedRequests } from './requests/carry-requests.ts';
import type { SourceOf } from './source-address.ts';
import { claimStream, streamRate, type StreamBudgets } from './stream-budget.ts';
import { LiveConnections } from '../policy/live-connections.ts';
import { relay } from '../stream/relay.ts';
import type { PlaintextStream } from '../stream/plaintext-stream.ts';

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
    serve(stream) {
      const held = new DisposableStack();
      guard.run(
        'inbound',
        () => serve(stream, held, context),
        () => held.dispose(),
      );
    },
    drain: () => context.requests.drain(),
  };
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
  const source = context.sourceOf(stream.address, first.target.address);
  if (source.kind === 'refused') {
    return refuse(stream, context, { ...source, status: 503 });
  }
  const from = source.kind === 'client' ? source.address : undefined;
  const claim = claimStream(peer, first.target, context.budgets);
  if (claim.kind === 'denied') {
    const { reason, why } = claim;
    return refuse(stream, context, { kind: 'refused', status: 503, reason, why });
  }
  const startedMs = clock.monotonicMs();
  let app: PlaintextStream;
  try {
    app = await connectToApp({ ...first.target, from }, context, stream.signal);
    held.adopt(app, () => app.reset());
    app.once('close', claim.release);
  } catch (error) {
    claim.release();
    if (stream.signal.aborted) {
      metrics.connectionFailed('inbound', peer, 'aborted', first.port);
    } else {
      const place = formatAuthority(first.target);
      const why = `the application at ${place} did not accept: ${describeError(error)}`;
      const reason = appFailureReason(error);
      if (isBudgetRefusal(reason)) context.budgets.descriptors.refuse(reason);
      refuse(stream, context, { kind: 'refused', status: 503, reason, why });
    }
    return;
  }
  const certificate = context.certificateOf(stream, first.port);
  // Loaded when they are needed first: most sidecars carry nothing but bytes.
  const requests =
    first.perRequest || certificate !== undefined
      ? await import('./requests/open-requests.ts')
      : undefined;
  // The policy may have changed while the application took its time.
  const isSame = context.policies.current() === policies;
  const admission = isSame ? first : admit({ authority, decide, resolveExposure });
  if (admission.kind === 'refused') {
    app.reset();
    return refuse(stream, context, admission);
  }
  if (admission.perRequest && requests === undefined) {
    app.reset();
    const why = 'rules about requests came while the connection was made';
    const reason = 'denied-request';
    return refuse(stream, context, { kind: 'refused', status: 503, reason, why });
  }
  noteAudited(stream, context, admission.audited);
  metrics.connected('inbound', (clock.monotonicMs() - startedMs) / 1000);
  const connection = metrics.connectionOpened('inbound', peer, authorityOf(stream));
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  held.defer(() => connection.closed('app-reset', seconds()));
  const { port, target } = admission;
  let carried: CarriedRequests | undefined;
  let cut = false;
  const leave = context.live.add({
    reauthorize() {
      const decision = decide(port);
      // What is carried as bytes cannot be decided about request by request.
      const isSure = !decision.allowed || !decision.perRequest || carried?.hasRequests === true;
      const now = isSure ? decision : context.decideRequest(stream, port, undefined);
      return now.allowed ? undefined : now;
    },
    terminate(reason) {
      cut = true;
      noteCut(stream, context, reason);
      // The relay takes it for an application that broke off, and resets the stream.
      if (carried === undefined) app.reset();
      else carried.cut();
    },
  });
  held.defer(leave);
  const accepted = stream.accept();
  held.adopt(accepted, () => accepted.reset());
  const opened = { stream, accepted, app, port, target, certificate, connection };
  const isLookedAt = admission.perRequest || certificate !== undefined;
  if (isLookedAt) carried = requests?.openRequests(opened, context);
  const outcome =
    carried === undefined
      ? await relay(app, accepted, connection.counters, connection.observer)
      : await context.requests.carry(carried);
  leave();
  // The relay leaves it open for another try, which only the side that dialled can make.
  if (outcome === 'untouched') app.reset();
  connection.closed(cut ? 'denied' : outcome, seconds());
}
