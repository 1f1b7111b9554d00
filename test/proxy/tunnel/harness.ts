import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { momentOf } from '../../../common/dates.ts';
import { systemClock } from '../../../common/clock.ts';
import type { Clock } from '../../../common/clock.ts';
import { createGuard, type CountingGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import type {
  IdentityChange,
  IdentitySource,
  WorkloadIdentity,
} from '../../../proxy/identity/source.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import type { ProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import type { ByteStream } from '../../../proxy/stream/byte-stream.ts';
import { relay, type RelayOutcome } from '../../../proxy/stream/relay.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import { createDial } from '../../../proxy/tunnel/dial.ts';
import { listenTunnels } from '../../../proxy/tunnel/acceptor.ts';
import type { ListenLimits, TunnelLimits } from '../../../proxy/tunnel/tunnel-limits.ts';
import type {
  Dial,
  DialTarget,
  IncomingStream,
  TunnelListener,
} from '../../../proxy/tunnel/tunnel.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import type {
  TestAuthority,
  TestWorkload,
  WorkloadOverrides,
} from '../../helpers/mesh/test-authority.ts';

/** An identity that the test changes itself. */
export interface TestIdentity extends IdentitySource {
  set(identity: WorkloadIdentity, change: IdentityChange): void;
  /** Takes a new leaf with the same SPIFFE ID. */
  renew(overrides?: WorkloadOverrides): void;
}

/** A workload's certificate as the identity room would hand it out. */
export function toIdentity(
  { spiffeId, privateKey, chain, leaf }: TestWorkload,
  bundle: TrustBundle,
): WorkloadIdentity {
  const received = momentOf(systemClock);
  const lifetimeMs = leaf.validToDate.getTime() - received.epochMs;
  return { spiffeId, privateKey, chain, bundle, received, lifetimeMs };
}

/** An identity of `shop/<service>`, by the given authority. */
export function createIdentity(
  authority: TestAuthority,
  service: string,
  overrides: WorkloadOverrides = {},
): TestIdentity {
  const make = (more: WorkloadOverrides): WorkloadIdentity =>
    toIdentity(
      authority.workload('shop', service, { nowMs: Date.now(), ...overrides, ...more }),
      authority.bundle,
    );
  let current = make({});
  const listeners = new Set<Parameters<IdentitySource['onChange']>[0]>();
  const set: TestIdentity['set'] = (identity, change) => {
    current = identity;
    for (const listener of listeners) listener(identity, change);
  };
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set,
    renew: (more = {}) => set(make(more), 'leaf'),
  };
}

/** One sidecar's engine, with what it logged and counted. */
export interface Engine {
  readonly identity: TestIdentity;
  readonly metrics: ProxyMetrics;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly guard: CountingGuard;
  readonly lines: Record<string, unknown>[];
  readonly dial: Dial;
  listen(
    onStream: (stream: IncomingStream) => void,
    limits?: Partial<TunnelLimits & ListenLimits>,
  ): Promise<TunnelListener>;
}

/** What a test wants to be different about an engine. */
export interface EngineOptions {
  readonly clock?: Clock;
  readonly limits?: Partial<TunnelLimits>;
  /** Instead of the one that all tunnels of a process share. */
  readonly memory?: MemoryBudget;
}

/** An engine; its listeners are closed when the test ends. */
export function createEngine(
  t: ExecutionContext,
  identity: TestIdentity,
  { clock = systemClock, limits = {}, memory }: EngineOptions = {},
): Engine {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  const own = memory === undefined ? {} : { memory };
  const guard = createGuard({ clock, logger });
  const shared = { identity, network: HOST_NETWORK, clock, metrics, logger, guard, ...own };
  return {
    identity,
    metrics,
    registry,
    logger,
    guard,
    lines,
    dial: createDial({ ...shared, limits }),
    async listen(onStream, more = {}) {
      const listener = await listenTunnels(
        { ...shared, host: '127.0.0.1', port: await freePort(), limits: { ...limits, ...more } },
        onStream,
      );
      t.teardown(() => listener.close());
      return listener;
    },
  };
}

/** Where a listener of `identity` can be dialled. */
export function targetOf(
  listener: { readonly port: number },
  identity: IdentitySource,
): DialTarget {
  return { address: '127.0.0.1', port: listener.port, expect: identity.current().spiffeId };
}

/** The value of one sample, 0 when there is none. */
export async function sample(
  registry: Registry,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const metrics = await registry.getMetricsAsJSON();
  for (const metric of metrics) {
    for (const value of metric.values) {
      const own = (value as { metricName?: string }).metricName ?? metric.name;
      const matches = Object.entries(labels).every(([key, text]) => value.labels[key] === text);
      if (own === name && matches) return value.value;
    }
  }
  return 0;
}

/** A TCP server that ends with the test. */
export async function startApp(
  t: ExecutionContext,
  onConnection: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** A connected pair of TCP sockets: the application's end, and the end that a sidecar holds. */
export async function socketPair(t: ExecutionContext): Promise<{ app: Socket; side: Socket }> {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accepted.resolve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const app = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  app.on('error', () => {});
  await once(app, 'connect');
  const side = await accepted.promise;
  server.close();
  t.teardown(() => {
    app.destroy();
    side.destroy();
  });
  return { app, side };
}

/** Serves each stream by a TCP connection to the app, as the inbound side of a sidecar does. */
export function serveApp(port: number, outcomes: string[] = []): (stream: IncomingStream) => void {
  return (stream) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const onError = (): void => stream.refuse(503);
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.off('error', onError);
      const counters = { bytesFromApp: 0, bytesToApp: 0 };
      void relay(socketStream(socket), stream.accept(), counters).then((outcome) => {
        outcomes.push(outcome);
        socket.destroy();
      });
    });
  };
}

/** Carries a connection of an application through a stream. */
export function relaySocket(
  stream: ByteStream,
  socket: Socket,
  counters = newCounters(),
): Promise<RelayOutcome> {
  return relay(socketStream(socket), stream, counters);
}

export function newCounters(): { bytesFromApp: number; bytesToApp: number } {
  return { bytesFromApp: 0, bytesToApp: 0 };
}

/** Everything that the socket sends until its FIN; the other direction stays open. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await readEach(socket, (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks);
}

/** Hands on what the socket sends, and resolves at its FIN; rejects when it breaks. */
export async function readEach(socket: Socket, take: (chunk: Buffer) => unknown): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on('data', take);
  socket.once('end', resolve);
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('the socket closed without a FIN')));
  await promise;
}
