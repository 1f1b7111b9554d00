import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { Registry } from 'prom-client';
import type { EgressTarget } from '../../../common/authorization/egress.ts';
import { type Clock, systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { EgressError } from '../../../proxy/egress/egress-error.ts';
import type {
  EgressPolicyOf,
  OpenConnection,
  OpenEgressConnection,
} from '../../../proxy/gateway/services.ts';
import type { RequestLog } from '../../../proxy/gateway/http/access-log.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import type { Tracer } from '../../../proxy/tracing/tracer.ts';
import { OutboundError } from '../../../proxy/outbound/connector.ts';
import type { ServicePort } from '../../../proxy/outbound/connector.ts';
import { type Gateway, openGateway } from '../../../proxy/gateway/gateway.ts';
import { createGatewayMetrics } from '../../../proxy/gateway/metrics.ts';
import { createLogRecorder, type LogRecorder } from '../../helpers/log-recorder.ts';
import { type MetricSamples, parseMetrics } from '../../helpers/metric-samples.ts';
import type { Scope } from '../../helpers/scope.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** A gateway in this process, whose services are local ports and not members of a mesh. */
export interface GatewayUnderTest {
  readonly gateway: Gateway;
  readonly log: LogRecorder;
  /** Its file, and where those that it names may be. */
  readonly directory: string;
  port(listener: string): number;
  rewrite(listeners: string): Promise<void>;
  metrics(): Promise<MetricSamples>;
  /** How many mistakes of the program were caught. */
  mistakes(): number | undefined;
  /** Services that were asked for, in their order. */
  readonly asked: readonly string[];
  /** The servers outside to which there were routes, each time that the file was used. */
  readonly routed: readonly (readonly EgressTarget[])[];
}

/** What a gateway of a test is made from. */
export interface GatewayUnderTestOptions {
  /** In YAML. */
  readonly listeners: string;
  /** The local port of each service. */
  readonly services?: Readonly<Record<string, number>>;
  /** The way to services, instead of local ports. */
  readonly open?: OpenConnection;
  /** The way to servers outside; by default there is none. */
  readonly openEgressConnection?: OpenEgressConnection;
  /** By default there are no policies. */
  readonly egressPolicyOf?: EgressPolicyOf;
  /** By default the machine's. */
  readonly clock?: Clock;
  /** By default there is none. */
  readonly tracer?: Tracer;
  /** By default requests are not logged. */
  readonly requestLog?: (listener: string) => RequestLog;
  /** Bounds what waits for slow readers; by default it is much. */
  readonly memory?: MemoryBudget;
  /** Files beside its own. */
  readonly files?: Readonly<Record<string, string>>;
}

const nowhere: OpenEgressConnection = () =>
  Promise.reject(new EgressError('no-egress-policy', 'there is no policy in this test'));

/** Opens a gateway, which ends with the scope. In the listeners, `DIR` is where the files are. */
export async function openGatewayUnderTest(
  scope: Scope,
  options: GatewayUnderTestOptions,
): Promise<GatewayUnderTest> {
  const { listeners, services = {}, files = {}, openEgressConnection = nowhere } = options;
  const { clock = systemClock, egressPolicyOf = () => undefined } = options;
  const directory = await temporaryDirectory();
  scope.teardown(() => directory[Symbol.asyncDispose]());
  const file = path.join(directory.path, 'gateway.yaml');
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(directory.path, name), text);
  }
  const rewrite = (text: string): Promise<void> =>
    writeFile(file, `listeners:\n${text.replaceAll('DIR', directory.path)}`);
  await rewrite(listeners);
  const log = createLogRecorder();
  const registry = new Registry();
  const guard = createGuard({ clock, logger: log.logger });
  const asked: string[] = [];
  const routed: (readonly EgressTarget[])[] = [];
  const connectSocket = async ({ service, namespace }: ServicePort): Promise<net.Socket> => {
    asked.push(`${service}.${namespace}`);
    const port = services[service];
    if (port === undefined) throw new OutboundError('no-endpoint', `nobody serves ${service}`);
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };
  const connect: OpenConnection = async (target) => {
    const socket = await connectSocket(target);
    return { stream: socketStream(socket), peer: `spiffe://mesh/${target.service}` };
  };
  const gateway = await openGateway({
    clock,
    logger: log.logger,
    network: HOST_NETWORK,
    guard,
    memory: options.memory ?? new MemoryBudget(64 * 1024 * 1024),
    requestLog: options.requestLog,
    tracer: options.tracer,
    metrics: createGatewayMetrics(registry),
    file,
    namespace: 'default',
    services: {
      open: options.open ?? connect,
      openEgressConnection,
      egressPolicyOf,
      gatewayServices: () => Promise.resolve(),
      followEgressRoutes: (places) => routed.push(places),
      async carry(socket, target, reset) {
        try {
          const stream = await connectSocket(target);
          socket.pipe(stream).pipe(socket);
          await once(socket, 'close');
        } catch {
          if (reset === undefined) socket.resetAndDestroy();
          else reset();
        }
      },
    },
  });
  scope.teardown(() => gateway.close());
  return {
    gateway,
    log,
    directory: directory.path,
    rewrite,
    asked,
    routed,
    port(listener) {
      const line = log.lines.findLast(
        (one) => one.event === 'listening' && one['listener'] === listener,
      );
      return Number(line?.['port']);
    },
    mistakes: () => guard.counts().get('gateway'),
    metrics: async () => parseMetrics(await registry.metrics()),
  };
}
