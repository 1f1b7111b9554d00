import net from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { describeError, HauberkError } from '../../common/errors.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import { listen as openListener } from '../../common/listen.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { ProxyMetrics } from '../metrics.ts';
import { formatAuthority, type Destination } from '../tunnel/authority.ts';
import { connectToService, type ConnectorDependencies, type ServicePort } from './connector.ts';

/** A local port that stands for a service of the mesh. */
export interface Upstream {
  readonly listen: Destination;
  readonly target: ServicePort;
}

/** What an upstream listener needs. */
export interface UpstreamDependencies extends ConnectorDependencies {
  /** Our own trust domain: services are only looked for in it. */
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
}

/** A listener that is up. */
export interface UpstreamListener extends Closeable, Drainable {
  /** Where it listens: the real port, when it was asked for port 0. */
  readonly address: Destination;
}

/** Includes every try on every endpoint; long enough for a SYN that is lost twice. */
const CONNECT_DEADLINE_MS = 10_000;

/** A tunnel that dies before a byte went through is replaced this often for one connection. */
const MAX_RESTARTS = 3;

/**
 * Listens for the application's plaintext connections to one service and carries each through a
 * tunnel. A connection that cannot be carried is reset, never answered with an orderly end.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenUpstream(
  { listen, target }: Upstream,
  dependencies: UpstreamDependencies,
): Promise<UpstreamListener> {
  const sockets = new Map<net.Socket, Promise<void>>();
  const server = net.createServer(
    { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
    (socket) => {
      const carried = carry(socket, target, dependencies).finally(() => sockets.delete(socket));
      sockets.set(socket, carried);
    },
  );
  const name = 'upstream';
  const bound = await openListener(server, { name, host: listen.address, port: listen.port });
  // accept() can fail for want of file descriptors: the listener goes on when there are some again.
  server.on('error', (error) => {
    const sentence = `could not accept a connection to ${target.service}: ${error.message}`;
    dependencies.logger.error({ event: 'accept-failed' }, sentence);
  });
  const { address, port } = bound;
  dependencies.logger.info(
    { event: 'listening', name, address, port, service: target.service },
    `${target.service}.${target.namespace}:${target.port} is at ${formatAuthority({ address, port })}`,
  );
  const refuse = (): void => void server.close();
  const force = (): void => {
    for (const socket of sockets.keys()) socket.resetAndDestroy();
  };
  return {
    address: { address: bound.address, port: bound.port },
    refuse,
    async idle() {
      while (sockets.size > 0) await Promise.all(sockets.values());
    },
    force,
    close() {
      refuse();
      force();
    },
  };
}

async function carry(
  socket: net.Socket,
  target: ServicePort,
  dependencies: UpstreamDependencies,
): Promise<void> {
  const { clock, metrics, logger, trustDomain } = dependencies;
  const { namespace, service } = target;
  const peer = spiffeId({ trustDomain, namespace, service }).uri;
  const gone = new AbortController();
  const giveUp = (): void => gone.abort();
  socket.once('close', giveUp);
  socket.on('error', giveUp);
  const startedMs = clock.now();
  try {
    for (let restarts = 0; ; restarts += 1) {
      const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(CONNECT_DEADLINE_MS)]);
      const { stream } = await connectToService(target, dependencies, signal);
      metrics.connected('outbound', (clock.now() - startedMs) / 1000);
      const connection = metrics.connectionOpened('outbound', peer);
      const outcome = await stream.relay(socket, connection.counters);
      connection.closed(outcome, (clock.now() - startedMs) / 1000);
      if (outcome !== 'untouched') return;
      if (restarts >= MAX_RESTARTS) break;
    }
    socket.resetAndDestroy();
  } catch (error) {
    const reason = error instanceof HauberkError ? error.code : 'internal';
    metrics.connectionFailed('outbound', peer, reason);
    const sentence = `a connection to ${peer} failed: ${describeError(error)}`;
    if (reason !== 'aborted') logger.warn({ event: 'connection-failed', peer, reason }, sentence);
    socket.resetAndDestroy();
  }
}
