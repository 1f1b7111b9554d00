import { isDeepStrictEqual } from 'node:util';
import { Registry } from 'prom-client';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { localPolicy } from '../../common/authorization/local-policy.ts';
import type { Clock } from '../../common/clock.ts';
import { createGuard, guardedClock, type Guard } from '../../common/guard.ts';
import { ignoreError } from '../../common/ignored.ts';
import { createLogger } from '../../common/logging/logger.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { HOST_NETWORK } from '../../common/network/network.ts';
import { registerProcessMetrics } from '../../common/metrics/process-metrics.ts';
import { repeat } from '../../common/repeat.ts';
import { settleWhenQuiet } from '../../common/process/settle.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import { localAllowances } from '../config/sidecar.ts';
import { rememberDeparted, type Departed } from '../discovery/departed.ts';
import type { Traffic } from '../discovery/report.ts';
import { createMeshView, type MutableMeshView } from '../discovery/mutable-view.ts';
import { createIdentitySource, type MutableIdentitySource } from '../identity/mutable-source.ts';
import { createWorkload } from '../workload/workload.ts';
import { createPolicySource, type MutablePolicySource } from '../policy/policy-source.ts';
import { openDataPath, type DataPath } from './data-path.ts';
import { createMetrics } from './metrics.ts';
import type { LoadedListener } from '../gateway/file/load.ts';
import type { WorkerGateway } from './gateway.ts';
import { shareOfTunnelMemory } from '../tunnel/tunnel-memory.ts';
import { Tap } from '../traffic/tap.ts';
import { toErrorMessage } from '../workers/error-message.ts';
import { fromIdentityMessage } from '../workers/identity-message.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../workers/messages.ts';

/** What a worker is made from. */
export interface WorkerDependencies {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Says something to the primary; resolves when it is on its way. */
  readonly send: (message: FromWorker) => Promise<void>;
  /** Called with the guard of this worker when it begins. */
  readonly onGuard: (guard: Guard) => void;
}

/** One of the processes that carry a sidecar's connections. */
export interface RunningWorker {
  /** What the primary says, in its order. */
  receive(message: ToWorker): void;
  /** Resolves when it has nothing more to do; rejects when it could not begin. */
  readonly ended: Promise<void>;
  /** Resets what it carries, at once: the primary is gone. */
  abandon(): void;
}

/** How soon the primary knows what was carried; the control plane is told every three seconds. */
const TRAFFIC_INTERVAL_MS = 1_000;

/** Creates a worker, which begins when it hears `start`. */
export function createWorker(dependencies: WorkerDependencies): RunningWorker {
  const { random, send, onGuard } = dependencies;
  let { clock } = dependencies;
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const forced = new AbortController();
  let knowledge: Knowledge | undefined;
  let opening: Promise<DataPath> | undefined;
  let path: DataPath | undefined;
  let gateway: WorkerGateway | undefined;
  let guard: Guard | undefined;
  let newestListeners: readonly LoadedListener[] | undefined;
  /** What was told so far is in force when this has resolved. */
  let applied: Promise<void> = Promise.resolve();

  function start(message: WorkerStart): void {
    knowledge = learn(message, clock);
    opening = open(message, knowledge);
    opening.catch(fail);
  }

  async function open(message: WorkerStart, known: Knowledge): Promise<DataPath> {
    const { config, number, ownPorts, listeners } = message;
    if (listeners !== undefined) {
      // Loaded here: the worker of a sidecar needs none of it.
      const { workerGateway } = await import('./gateway.ts');
      gateway = workerGateway(newestListeners ?? listeners);
    }
    const logger = createLogger({
      name: gateway === undefined ? 'proxy' : 'gateway',
      level: config.logLevel,
      worker: number,
    });
    const counting = createGuard({ logger, clock });
    clock = guardedClock(clock, counting);
    registerInternalErrors(known.registry, counting);
    guard = counting;
    onGuard(guard);
    const memory = shareOfTunnelMemory(config.workers);
    const { signal } = new AbortController();
    const runtime = { clock, logger, guard, random, signal, memory };
    const { identities: identity, policies, registry, view, departed } = known;
    const tap = new Tap({ self: identity.current().spiffeId, clock });
    const metrics = createMetrics({ registry, config, clock, logger, guard: counting, tap });
    const given = { identity, policies, metrics, network: HOST_NETWORK };
    const workload = createWorkload({ ...given, config, ownPorts, clock, logger });
    // The primary names what the gateway's listeners lead to, before it hands them out.
    const gatewayServices = () => Promise.resolve();
    const address = (met: string) =>
      counting.promise('workers', send({ kind: 'met', address: met }));
    const needs = { gatewayServices, address };
    const mesh = { view, departed, needs };
    path = await openDataPath({ workload, config, runtime, ...mesh, registry, tap, gateway });
    await send({ kind: 'opened', hbonePort: path.hbonePort });
    reportTraffic(path);
    return path;
  }

  function reportTraffic(carrier: DataPath): void {
    let last: Traffic | undefined;
    repeat(clock, TRAFFIC_INTERVAL_MS, async () => {
      const traffic = carrier.traffic();
      if (isDeepStrictEqual(traffic, last)) return;
      await send({ kind: 'traffic', traffic });
      last = traffic;
    });
  }

  async function reportMetrics(id: number, registry: Registry): Promise<void> {
    const families = await registry.getMetricsAsJSON();
    await send({ kind: 'metrics', id, families, traffic: path?.traffic() ?? NO_REPORT });
  }

  async function reportEdges(id: number): Promise<void> {
    await send({ kind: 'edges', id, edges: (await path?.watched.edges()) ?? [] });
  }

  async function reportState(id: number): Promise<void> {
    const nothing = { listeners: [], tunnels: [], limits: [] };
    await send({ kind: 'state', id, state: (await path?.state()) ?? nothing });
  }

  /** Tells at once what was seen: the primary asks for it often. */
  async function reportTapped(): Promise<void> {
    const report = path?.watched.tapped();
    if (report !== undefined) await send({ kind: 'tapped', report });
  }

  async function openRest(): Promise<void> {
    const carrier = await opening;
    await carrier?.openRest();
    PROCESS_DESCRIPTORS.calibrate();
    await send({ kind: 'ready' });
    settleWhenQuiet({ clock, done: () => carrier?.traffic() });
  }

  async function drain(deadlineMs: number): Promise<void> {
    const carrier = await opening;
    const outcome = await carrier?.drain({ clock, deadlineMs, forced: forced.signal });
    await carrier?.close();
    await send({ kind: 'drained', outcome: outcome ?? 'idle' });
    resolve();
  }

  function fail(thrown: unknown): void {
    const end = (): void => reject(thrown);
    send({ kind: 'failed', error: toErrorMessage(thrown) }).then(end, end);
  }

  return {
    ended,
    abandon: () => path?.force(),
    receive(message) {
      try {
        receive(message);
      } catch (error) {
        // A worker that failed to apply an update may allow what it must not: it ends.
        fail(error);
      }
    },
  };

  function receive(message: ToWorker): void {
    if (message.kind === 'start') return start(message.start);
    if (knowledge === undefined) return;
    switch (message.kind) {
      case 'rest':
        openRest().catch(fail);
        return;
      case 'drain':
        drain(message.deadlineMs).catch(fail);
        return;
      case 'hurry':
        return forced.abort();
      case 'confirm':
        // One that fails ends, and so do the questions that it was asked.
        return guard?.promise(
          'workers',
          applied.then(() => send({ kind: 'confirmed', id: message.id }), ignoreError),
        );
      case 'listeners':
        newestListeners = message.listeners;
        applied = gateway?.apply(message.listeners) ?? applied;
        applied.catch(fail);
        return;
      case 'metrics':
        return guard?.promise('workers', reportMetrics(message.id, knowledge.registry));
      case 'edges':
        return guard?.promise('workers', reportEdges(message.id));
      case 'state':
        return guard?.promise('workers', reportState(message.id));
      case 'tap':
        return path?.watched.tap(message.wish);
      case 'tapped':
        return guard?.promise('workers', reportTapped());
      case 'identity':
      case 'policy':
      case 'view':
        return applyUpdate(message, knowledge, clock);
    }
  }
}

/** What the primary knows, as a worker has it. */
interface Knowledge {
  readonly registry: Registry;
  readonly identities: MutableIdentitySource;
  readonly policies: MutablePolicySource;
  readonly view: MutableMeshView;
  readonly departed: Departed;
}

function learn(start: WorkerStart, clock: Clock): Knowledge {
  const { config, identity, policy, view: known, departed: before } = start;
  const registry = new Registry();
  registerProcessMetrics(registry);
  const identities = createIdentitySource(fromIdentityMessage(identity, clock));
  const local = localPolicy(localAllowances(config));
  const policies = createPolicySource(identities.current().spiffeId, local);
  if (policy !== undefined) policies.set(policy);
  const view = createMeshView();
  view.apply({ kind: 'snapshot', ...known });
  // Before the first change that the primary tells.
  const departed = rememberDeparted(view, clock, { before });
  return { registry, identities, policies, view, departed };
}

type MeshUpdate = Extract<ToWorker, { readonly kind: 'identity' | 'policy' | 'view' }>;

function applyUpdate(
  update: MeshUpdate,
  { identities, policies, view }: Knowledge,
  clock: Clock,
): void {
  switch (update.kind) {
    case 'identity': {
      const { identity } = update;
      return identities.replace(fromIdentityMessage(identity, clock), identity.change);
    }
    case 'policy':
      return policies.set(update.policy);
    case 'view':
      return view.repeat(update.change, update.version);
  }
}
