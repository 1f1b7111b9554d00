import { isDeepStrictEqual } from 'node:util';
import type { LoadedListener } from '../gateway/file/load.ts';
import type { DataPath, DataPathOptions } from './data-path.ts';
import { Supervisor } from '../workers/supervisor.ts';
import { toIdentityMessage } from '../workers/identity-message.ts';
import { createWorkerTotals } from '../workers/worker-totals.ts';
import { registerWorkerMetrics } from '../workers/metrics.ts';
import type { WorkerStart } from '../workers/messages.ts';
import { reserveListeners } from '../workers/reserve-listeners.ts';
import { joinCarriers } from '../questions/sidecar-state.ts';
import { TappedEvents } from '../traffic/tapped-events.ts';
import { reservePorts } from '../workers/reserve-ports.ts';

/** A worker that is busy is asked again at the next scrape; until then, what it told last counts. */
const METRICS_DEADLINE_MS = 2_000;

/**
 * Opens the listeners in processes of their own. This process keeps what must exist once: the
 * identity and its state directory, the Sync stream, the view and the policy of the mesh, the port for
 * metrics. Workers hear of each change at once, in the order in which it came.
 *
 * Throws ListenError, and WorkersError `worker-failed`.
 */
export async function openWorkers(options: DataPathOptions): Promise<DataPath> {
  const { workload, runtime, view, departed, needs, registry, gateway } = options;
  const { policies, identity: source, ownPorts } = workload;
  const { clock, logger, guard, random } = runtime;
  // A worker has no business with what only enrolment needs.
  const config = await reservePorts({ ...options.config, token: undefined, tokenFile: undefined });
  const totals = createWorkerTotals();
  let listeners: readonly LoadedListener[] | undefined;
  const start = (number: number): WorkerStart => ({
    config,
    number,
    identity: toIdentityMessage(source.current(), 'leaf', clock),
    policy: policies.mesh,
    view: {
      version: view.version,
      endpoints: view.endpoints(),
      complete: view.complete && [...view.complete],
    },
    departed: departed.saved(),
    listeners,
    ownPorts: [...ownPorts],
  });
  const tapped = new TappedEvents();
  const count = config.workers;
  const supervisor = new Supervisor({
    count,
    clock,
    logger,
    guard,
    random,
    start,
    onMet: (address) => needs.address(address),
    onEnded: totals.addEnded,
    onTapped: tapped.add,
  });
  registerWorkerMetrics(registry, supervisor);
  const stops = [
    source.onChange((identity, change) => {
      supervisor.broadcast({
        kind: 'identity',
        identity: toIdentityMessage(identity, change, clock),
      });
    }),
    policies.onChange(() => {
      if (policies.mesh !== undefined)
        supervisor.broadcast({ kind: 'policy', policy: policies.mesh });
    }),
    view.onChange((change) =>
      supervisor.broadcast({ kind: 'view', version: view.version, change }),
    ),
  ];
  const refresh = async (kind: 'metrics' | 'edges' | 'state'): Promise<void> => {
    await Promise.all(
      supervisor.workers.map((worker) => worker.refresh(kind, clock, METRICS_DEADLINE_MS)),
    );
  };
  const close = async (): Promise<void> => {
    for (const stop of stops) stop();
    await supervisor.close();
  };
  const apply = async (loaded: readonly LoadedListener[]): Promise<boolean> => {
    const before = listeners;
    listeners = await reserveListeners(loaded, { workers: count, open: before ?? [] });
    if (isDeepStrictEqual(before, listeners)) return false;
    supervisor.broadcast({ kind: 'listeners', listeners });
    await supervisor.confirmed();
    return true;
  };
  let hbonePort: number;
  try {
    const primary = await gateway?.openPrimary({ config, runtime, registry, needs, apply });
    if (primary !== undefined) stops.push(() => void primary.close());
    hbonePort = await supervisor.open();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    hbonePort,
    openRest: () => supervisor.openRest(),
    drain: (bounds) => supervisor.drain(bounds),
    force: () => supervisor.killAll(),
    traffic: () => totals.traffic(supervisor.workers),
    async state() {
      await refresh('state');
      return joinCarriers(supervisor.workers.map((worker) => worker.state));
    },
    watched: {
      async edges() {
        await refresh('edges');
        return totals.edges(supervisor.workers);
      },
      tap: ({ filters, eventsPerSecond }) =>
        supervisor.broadcast({
          kind: 'tap',
          wish: { filters, eventsPerSecond: Math.ceil(eventsPerSecond / count) },
        }),
      tapped() {
        // What they have by now comes with the next call.
        supervisor.broadcast({ kind: 'tapped' });
        return tapped.take();
      },
    },
    close,
    workers: {
      async scrape(own) {
        await refresh('metrics');
        return await totals.text(await own.getMetricsAsJSON(), supervisor.workers);
      },
      inForce: () => supervisor.confirmed(),
      problem: () =>
        supervisor.workers.some(({ isReady }) => isReady) ? undefined : 'no worker serves',
      failed: supervisor.failed,
    },
  };
}
