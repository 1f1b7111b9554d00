import {
  destinationAt,
  type EgressDestination,
  type EgressTarget,
} from '../../common/authorization/egress.ts';
import type { CancelSignal } from '../../common/cancellation.ts';
import { plainLines } from '../../common/logging/plain-lines.ts';
import type { ServiceName } from '../../common/wire/interest.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import { checkListeners } from '../gateway/listeners/check-listeners.ts';
import {
  createListenerSet,
  type ListenerSet,
  type ListenerSetOptions,
} from '../gateway/listeners/listener-set.ts';
import { servicesOf } from '../gateway/listeners/services-of.ts';
import { followFile } from '../gateway/file/follow-file.ts';
import { keepValid } from '../gateway/file/keep-valid.ts';
import { openGateway } from '../gateway/gateway.ts';
import { loadGatewayFile, type LoadedListener } from '../gateway/file/load.ts';
import { createRequestLog } from '../gateway/http/access-log.ts';
import { createGatewayMetrics } from '../gateway/metrics.ts';
import { AcceptedSocket } from '../stream/accepted-socket.ts';
import { carry } from '../outbound/carry.ts';
import { connectToService, type ServicePort } from '../outbound/connector.ts';
import { openConnection } from '../outbound/open-connection.ts';
import type { EarlyData } from '../tunnel/tunnel.ts';
import type { Workload } from '../workload/workload.ts';
import type {
  GatewayListenersOptions,
  GatewayProgram,
  OpenGatewayListeners,
} from './gateway-program.ts';

/** What makes a member of the mesh a gateway. */
export interface GatewayProgramOptions {
  /** The path of the gateway's file. */
  readonly file: string;
  /** Calls back when the file is to be read again. */
  readonly onReload: (reload: () => void) => void;
}

/**
 * The listeners of `hauberk gateway`, which lead connections from outside to services of the mesh.
 *
 * @throws ConfigError when the file cannot be used now
 */
export async function gatewayProgram({
  file,
  onReload,
}: GatewayProgramOptions): Promise<GatewayProgram> {
  // Read again when the listeners are opened; but a mistake is reported before waiting for a token.
  await loadGatewayFile(file, () => {});
  return {
    async open(options) {
      const gateway = await openGateway({ ...listenerSetOptions(options), file });
      onReload(() => options.runtime.guard.promise('gateway', gateway.reload()));
      return gateway;
    },
    async openPrimary({ config, runtime, registry, needs, apply }) {
      const { clock, logger, guard } = runtime;
      const metrics = createGatewayMetrics(registry);
      let before: readonly ServiceName[] = [];
      const checked = async (listeners: readonly LoadedListener[]): Promise<boolean> => {
        checkListeners(listeners, { clock, logger, guard, config });
        const services = servicesOf(listeners, config.namespace);
        // Also those of before, until the listeners are others.
        await needs.gatewayServices([...before, ...services]);
        const isDifferent = await apply(listeners);
        before = services;
        await needs.gatewayServices(services);
        return isDifferent;
      };
      const options = {
        clock,
        logger,
        metrics,
        file,
        apply: keepValid({ clock, logger }, checked),
      };
      const followed = await followFile(options);
      onReload(() => guard.promise('gateway', followed.reload()));
      return followed;
    },
  };
}

/** The listeners of a gateway in one of its workers, which is told what to open. */
export interface WorkerGateway {
  readonly open: OpenGatewayListeners;
  /** Opens these instead, one call after the other. Rejects as `ListenerSet.apply`. */
  apply(listeners: readonly LoadedListener[]): Promise<void>;
}

/** Begins with these listeners, or with the newest of those that came before the listeners are opened. */
export function workerGateway(first: readonly LoadedListener[]): WorkerGateway {
  let wanted = first;
  let opened: ListenerSet | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const applyNext = async (): Promise<void> => {
    turn = turn.then(() => opened?.apply(wanted));
    await turn;
  };
  return {
    async open(options) {
      opened = createListenerSet(listenerSetOptions(options));
      await applyNext();
      return opened;
    },
    async apply(listeners) {
      wanted = listeners;
      await applyNext();
    },
  };
}

function policyOf(target: EgressTarget, { policies }: Workload): EgressDestination | undefined {
  const found = policies.mesh && destinationAt(policies.mesh.egress, target);
  return found?.kind === 'one' ? found.destination : undefined;
}

function listenerSetOptions(options: GatewayListenersOptions): ListenerSetOptions {
  const { workload, config, runtime, connector, needs, egress, registry, tracer } = options;
  const { metrics, network } = workload;
  const { clock, logger, guard, memory } = runtime;
  const { trustDomain, namespace, accessLog, accessLogFormat: format = 'json' } = config;
  const { mayLog } = connector;
  const request = (target: ServicePort) => ({
    peer: spiffeId({ trustDomain, ...target }).uri,
    port: target.port,
    connect: (signal: CancelSignal, early: EarlyData) =>
      connectToService(target, connector, signal, early),
  });
  const carrying = { clock, logger, mayLog, metrics };
  const opening = { connector, clock, metrics, trustDomain };
  const { write } = plainLines();
  return {
    network,
    clock,
    logger,
    guard,
    namespace,
    memory,
    tracer,
    requestLog: accessLog
      ? (name) => createRequestLog({ logger, clock, name, format, write })
      : undefined,
    metrics: createGatewayMetrics(registry),
    services: {
      carry: (socket, target, reset) =>
        carry(new AcceptedSocket(socket, reset), request(target), carrying),
      open: (target, signal) => openConnection(target, opening, signal),
      gatewayServices: (services) => needs.gatewayServices(services),
      followEgressRoutes: (targets) => egress.conditions.carries('routes', targets),
      egressPolicyOf: (target) => policyOf(target, workload),
      openEgressConnection: (target, signal) => egress.open(target, signal),
    },
  };
}
