import type { Registry } from 'prom-client';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { sleep } from '../../common/clock.ts';
import {
  drain,
  type Closeable,
  type Drainable,
  type DrainBounds,
  type DrainOutcome,
} from '../../common/lifecycle.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { LimitState, ListenerState } from '../../proto/gen/hauberk/v1/question.ts';
import type { Traffic } from '../discovery/report.ts';
import type { Departed } from '../discovery/departed.ts';
import type { Needs } from '../discovery/interest/needs.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import { PlaintextFlows } from '../metrics/plaintext-flows.ts';
import { openCapture, type CaptureOptions } from './capture.ts';
import type { GatewayListeners, GatewayProgram } from './gateway-program.ts';
import { listenEgress } from '../egress/egress-listener.ts';
import { openOutbound } from './outbound.ts';
import type { Parts, Runtime } from './runtime.ts';
import { openTracer } from './tracer.ts';
import { createEgress } from '../egress/egress.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { Workload } from '../workload/workload.ts';
import type { CarrierState } from '../questions/sidecar-state.ts';
import { edgesOf } from '../traffic/edges.ts';
import type { WatchedTraffic } from '../traffic/reporter.ts';
import type { Tap } from '../traffic/tap.ts';
import { createInbound } from '../inbound/inbound.ts';
import { createSourceAddresses, type SourceOf } from '../inbound/source-address.ts';
import {
  refuseDistantApplications,
  tryClientSockets,
  withClientSockets,
} from '../interception/client-sockets.ts';
import { choosePlaintextIo } from '../stream/handles/choose-handles.ts';
import { listenTunnels } from '../tunnel/acceptor.ts';
import type { TunnelListener } from '../tunnel/tunnel.ts';

/** Everything of a sidecar that carries connections: listeners, tunnels, applications. */
export interface DataPath extends Closeable {
  /** Where peers connect to; 0 for a member that only calls. */
  readonly hbonePort: number;
  /** Opens what has to wait until the mesh is known, as far as it can be. Throws ListenError. */
  openRest(): Promise<void>;
  /** Takes nothing new, waits, and ends what is left. */
  drain(bounds: DrainBounds): Promise<DrainOutcome>;
  /** Resets what is carried, at once: for a process that has no time to close. */
  force(): void;
  /** What was carried so far. */
  traffic(): Traffic;
  /** What it has open, and how much of its limits is used. */
  state(): CarrierState | Promise<CarrierState>;
  /** The same by its edges, for those who watch. */
  readonly watched: WatchedTraffic;
  close(): Promise<void>;
  /** Where it is in processes of its own. */
  readonly workers?: Workers;
}

/** The processes that a data path is in. */
export interface Workers {
  /** The metrics of this process and of the workers, added up, in the Prometheus text format. */
  scrape(own: Registry): Promise<string>;
  /** Resolves when everything that this process knows is in force in all of them. */
  readonly inForce: () => Promise<void>;
  /** What is wrong when none of them serves. */
  problem(): string | undefined;
  /** Aborted, with the error for a reason, when they end again and again. */
  readonly failed: AbortSignal;
}

/** What a data path is made from. */
export interface DataPathOptions {
  readonly workload: Workload;
  readonly config: ProxyConfig;
  readonly runtime: Runtime;
  readonly view: MeshView;
  /** Has followed the view from its beginning. */
  readonly departed: Departed;
  /** Says what the view has to have. */
  readonly needs: Needs;
  readonly registry: Registry;
  /** What `workload.metrics` shows connections and requests to. */
  readonly tap: Tap;
  /** Makes it that of a gateway, which has listeners to the outside and none for peers. */
  readonly gateway: GatewayProgram | undefined;
}

/** The port for peers of a member that has none. */
const CALLS_ONLY = 0;

/** The control plane tells peers of us within 50 ms. */
const PEERS_LEARN_MS = 500;

/** Opens the listeners for peers and for the application, in this process. Throws ListenError. */
export async function openDataPath({
  gateway: program,
  ...options
}: Omit<DataPathOptions, 'gateway'> & {
  readonly gateway: Pick<GatewayProgram, 'open'> | undefined;
}): Promise<DataPath> {
  const { config, runtime, view, departed, needs, registry, tap } = options;
  const { clock, logger, guard, memory } = runtime;
  await choosePlaintextIo(config.plaintextIo, runtime);
  const workload = await withClientAddresses(options.workload, config, runtime);
  const { metrics, network } = workload;
  const sourceOf = createSourceAddresses(
    config.clientAddress,
    (address) => workload.addresses.localFor(address) === address,
  );
  await using opening = new AsyncDisposableStack();
  const stack = opening.use(new AsyncDisposableStack());
  const drained: Drainable[] = [];
  const listeners: ListenerState[] = [];
  const parts: Parts = {
    own: (part) => stack.adopt(part, () => part.close()),
    ownDrained(part) {
      drained.push(part);
      return parts.own(part);
    },
    listener(listener, about) {
      workload.ownPorts.add(parts.ownDrained(listener).address.port);
      listeners.push({ ...about, ...listener.address });
    },
  };
  const flows = new PlaintextFlows();
  metrics.buffered(() => memory.totalBytes);
  const isGateway = program !== undefined;
  const inbound = isGateway
    ? undefined
    : await openInbound({ workload, sourceOf }, config, runtime, parts);
  if (inbound !== undefined) {
    parts.ownDrained(inbound);
    const { host: address } = config.hboneListen;
    listeners.push({ kind: 'hbone', address, port: inbound.port, target: '' });
  }
  const tracer = await openTracer({ config, runtime, registry, isGateway });
  if (tracer !== undefined) parts.own(tracer);
  const mayLog = createLogLimit(clock);
  const outward = { workload, config, runtime, view, mayLog, registry, tracer };
  const outbound = await openOutbound(outward, parts);
  const egress = parts.own(createEgress({ workload, clock, guard, logger, mayLog }));
  for (const one of config.egress) {
    const opened = await listenEgress(one, { egress, metrics, network, logger, guard });
    parts.listener(opened, {
      kind: 'egress',
      target: formatHostPort(one.target.host, one.target.port),
    });
  }
  const targets = config.egress.map(({ target }) => target);
  egress.conditions.carries('listeners', targets);
  let gateway: GatewayListeners | undefined;
  opening.move();
  return {
    hbonePort: inbound?.port ?? CALLS_ONLY,
    async openRest() {
      const { connector } = outbound;
      outbound.watchMissing();
      const shared = { workload, config, runtime, connector, needs, egress };
      if (config.transparent) {
        const { serveRouted } = outbound;
        await captureTraffic({ ...shared, sourceOf, serveRouted, departed, flows }, parts);
      }
      if (program !== undefined)
        gateway = parts.ownDrained(await program.open({ ...shared, registry, tracer }));
    },
    async drain(bounds) {
      const outcomes = await Promise.all(drained.map((part) => drain(part, bounds)));
      return outcomes.includes('forced') ? 'forced' : 'idle';
    },
    force() {
      for (const part of drained) part.force();
    },
    traffic: () => ({
      ...metrics.totals(),
      plaintext: flows.summary(),
      egress: egress.conditions.summary(),
      missingUpstreams: outbound.missing(),
    }),
    state: () => ({
      listeners: [...listeners, ...(gateway?.listeners() ?? [])],
      tunnels: [...(inbound?.tunnels() ?? []), ...outbound.connector.pool.tunnels()],
      limits: [
        limit('descriptors', PROCESS_DESCRIPTORS.used, PROCESS_DESCRIPTORS.capacity),
        limit('waiting-bytes', memory.totalBytes, memory.limitBytes),
        ...(inbound ? [limit('inbound-tunnels', inbound.openTunnels, inbound.maxTunnels)] : []),
      ],
    }),
    watched: {
      edges: () => edgesOf(metrics.peers(), flows.all()),
      tap: (wish) => tap.want(wish),
      tapped: () => tap.take(),
    },
    close: () => stack.disposeAsync(),
  };
}

function limit(name: string, used: number, capacity: number): LimitState {
  return { name, used, capacity };
}

/**
 * Not before we had a chance to know the mesh, and the mesh to know us: until then the system refuses
 * what the rules redirect, and so no member is spoken to in plaintext by mistake.
 */
async function captureTraffic(options: CaptureOptions, parts: Parts): Promise<void> {
  const { clock, signal } = options.runtime;
  await sleep(clock, PEERS_LEARN_MS, signal);
  await openCapture(options, parts);
}

/** Where applications are called in the name of clients, its sockets can do that. Throws InterceptionError. */
async function withClientAddresses(
  workload: Workload,
  { clientAddress, expose }: Pick<ProxyConfig, 'clientAddress' | 'expose'>,
  { clock }: Runtime,
): Promise<Workload> {
  if (clientAddress === 'own') return workload;
  const { addresses } = workload;
  refuseDistantApplications(expose, (address) => addresses.localFor(address) !== undefined);
  const network = await withClientSockets(workload.network);
  await tryClientSockets(network, addresses.reachable(), clock);
  return { ...workload, network };
}

/** What is carried in tunnels is waited for, and ended, with them. */
const ENDS_WITH_TUNNELS = { idle: () => Promise.resolve(), force() {}, async close() {} };

/** Opens the listener for peers. Throws ListenError. */
async function openInbound(
  { workload, sourceOf }: { readonly workload: Workload; readonly sourceOf: SourceOf },
  { hboneListen, forwardClientCert }: Pick<ProxyConfig, 'hboneListen' | 'forwardClientCert'>,
  { clock, logger, guard, memory }: Runtime,
  parts: Parts,
): Promise<TunnelListener> {
  const { identity, metrics, network, ownPorts } = workload;
  const shared = { clock, logger, guard, memory };
  const inbound = createInbound({ workload, sourceOf, forwardClientCert, ...shared });
  const listener = await listenTunnels(
    { ...hboneListen, ...shared, identity, metrics, network },
    inbound.serve,
  );
  ownPorts.add(listener.port);
  parts.ownDrained({ ...ENDS_WITH_TUNNELS, refuse: inbound.drain });
  return listener;
}
