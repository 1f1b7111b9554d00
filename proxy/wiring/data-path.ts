import type { Registry } from 'prom-client';
import { sleep } from '../../common/clock.ts';
import {
  drain,
  type Closeable,
  type Drainable,
  type DrainBounds,
  type DrainOutcome,
} from '../../common/lifecycle.ts';
import type { Traffic } from '../discovery/report.ts';
import { rememberDeparted } from '../discovery/departed.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import { PlaintextFlows } from '../metrics/plaintext-flows.ts';
import { openCapture, type Capture, type CaptureOptions } from './capture.ts';
import type { Edge, EdgeProgram } from './gateway-program.ts';
import { openEgress } from './egress.ts';
import { openInbound } from './inbound.ts';
import { openOutbound } from './outbound.ts';
import type { Runtime } from './runtime.ts';
import { createEgress } from '../egress/egress.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { Workload } from '../workload/workload.ts';

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
  readonly registry: Registry;
  /** Makes it that of a gateway, which has doors to the outside and none for peers. */
  readonly edge: EdgeProgram | undefined;
}

/** The port for peers of a member that has none. */
const CALLS_ONLY = 0;

/** The control plane tells peers of us within 50 ms. */
const PEERS_LEARN_MS = 500;

/** Opens the doors for peers and for the application, in this process. Throws ListenError. */
export async function openDataPath({
  edge: program,
  ...options
}: Omit<DataPathOptions, 'edge'> & {
  readonly edge: Pick<EdgeProgram, 'open'> | undefined;
}): Promise<DataPath> {
  const { workload, config, runtime, view, registry } = options;
  const { metrics } = workload;
  const { clock, logger, memory } = runtime;
  await using opened = new AsyncDisposableStack();
  const own = <Part extends Closeable>(part: Part): Part => opened.adopt(part, () => part.close());
  const flows = new PlaintextFlows();
  metrics.buffered(() => memory.totalBytes);
  const inbound =
    program === undefined ? own(await openInbound(workload, config, runtime)) : undefined;
  const departed = own(rememberDeparted(view, clock));
  const mayLog = createLogLimit(clock);
  const outbound = own(await openOutbound({ workload, config, runtime, view, mayLog }));
  const egress = own(createEgress({ workload, clock, logger, mayLog }));
  const egressListeners = own(await openEgress(egress, config, workload, runtime));
  let capture: Capture | undefined;
  let edge: Edge | undefined;
  const parts = opened.move();
  const later = <Part extends Closeable>(part: Part): Part => parts.adopt(part, () => part.close());
  const doors = (): Drainable[] => {
    const listeners = [outbound, egressListeners, capture].flatMap((part) => part?.listeners ?? []);
    return [...listeners, inbound, edge].filter((door) => door !== undefined);
  };
  return {
    hbonePort: inbound?.port ?? CALLS_ONLY,
    async openRest() {
      const { connector } = outbound;
      outbound.watchMissing();
      if (config.transparent) {
        const shared = { workload, config, runtime, connector, egress };
        capture = later(await captureTraffic({ ...shared, departed, flows }));
      }
      if (program !== undefined) {
        edge = later(
          await program.open({ workload, config, runtime, connector, egress, registry }),
        );
      }
    },
    async drain(bounds) {
      const drained = doors().map((door) => drain(door, bounds));
      return (await Promise.all(drained)).includes('forced') ? 'forced' : 'idle';
    },
    force() {
      for (const door of doors()) door.force();
    },
    traffic: () => ({
      ...metrics.totals(),
      plaintext: flows.summary(),
      egress: egress.conditions.summary(),
      missingUpstreams: outbound.missing(),
    }),
    close: () => parts.disposeAsync(),
  };
}

/**
 * Not before we had a chance to know the mesh, and the mesh to know us: until then the system refuses
 * what the rules redirect, and so no member is spoken to in plaintext by mistake.
 */
async function captureTraffic(options: CaptureOptions): Promise<Capture> {
  const { clock, signal } = options.runtime;
  await sleep(clock, PEERS_LEARN_MS, signal);
  return await openCapture(options);
}
