import { MAX_DOCUMENT_BYTES } from '../../common/mesh-config/read-mesh-config.ts';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { type DescriptorBudget, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { SharedBudget, type BudgetShare, peerShare } from '../../common/budget/shared-budget.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { systemErrorCode } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import { ignoreError } from '../../common/ignored.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import { clientNetwork, hostNetwork } from '../../common/network/ip-address.ts';
import { formatHostPort, listen } from '../../common/network/listen.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import { acceptOnly } from '../../common/tls/accept-only.ts';
import { withBoundedNames } from '../../common/tls/authority-names.ts';
import { firstByte } from '../../common/tls/first-byte.ts';
import { HandshakeTurns } from '../../common/tls/handshake-turns.ts';
import { PendingHandshakes } from '../../common/tls/pending-handshakes.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import { CLIENT_IDLE_MS } from '../../common/rpc/channel.ts';
import { callerAt } from '../../common/rpc/peer.ts';
import { HotServerCredentials, type ServerIdentity } from '../../common/rpc/server-credentials.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import { handshakeFailure, type HandshakeFailure } from './handshake-failure.ts';

/** What the listener needs. */
export interface GrpcListenerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly identity: ServerIdentity;
  /** Adds the services. */
  readonly register: (server: Server) => void;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly metrics: Pick<ControlPlaneMetrics, 'handshakesRefused' | 'connectionsFailed'>;
  /** Pays for the connections; of the whole process when it is left out. */
  readonly descriptors?: DescriptorBudget;
  /** Of those that are through their handshake; an identity, or an address without one, has half of what the others leave. */
  readonly maxConnections?: number;
}

/** The gRPC port. */
export interface GrpcListener extends Drainable, Closeable {
  readonly port: number;
  /** Connections that have finished the handshake. */
  readonly connections: number;
  /**
   * Takes another certificate into use for new connections, once a handshake with ourselves has been
   * made with it; those that are open live on.
   *
   * @throws RpcError `credentials-invalid`; the one before stays in use then
   */
  reload(identity: ServerIdentity): Promise<void>;
  /** Ends every open connection, so that every client has to authenticate again. */
  endConnections(): void;
  close(): void;
}

/**
 * Far above the sidecars of one control plane (5,000), so that a flood of silent connections, which
 * are dropped after 5 s, does not keep them out; fewer where there are not as many descriptors.
 */
const MAX_CONNECTIONS = 12_288;

/** A fleet that reconnects at once is accepted; a host of it may have half of them. */
const MAX_PENDING_HANDSHAKES = 4_096;
/** Of the descriptors for connections. */
const PENDING_FRACTION = 1 / 4;

/** A client that says nothing by then is only holding a socket. */
const HANDSHAKE_TIMEOUT_MS = 5_000;

/** The largest request applies a mesh configuration; one of a sidecar has a CSR of 2 KiB or a Hello of 256 ports. */
const MAX_REQUEST_BYTES = MAX_DOCUMENT_BYTES + 64 * 1024;

/** A sidecar has one Sync stream and now and then a call; an operator a few calls. */
const MAX_STREAMS = 32;

/**
 * Of one connection, in MB. A snapshot of 5,000 endpoints has 0.7 MB; the rest is for headers of
 * streams that an attacker opens.
 */
const MAX_SESSION_MB = 32;

/**
 * Streams that a client may reset, at once and a second, before its connection ends: each costs a tenth of a
 * millisecond. A sidecar resets one when it leaves.
 */
const RESETS = { streamResetBurst: 100, streamResetRate: 10 };

/** A host that vanished is noticed after 15 s; so is a client that finished TLS and says nothing. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;

/** A connection without a call is of no use: sidecars keep a stream open, operators come back. Our own clients are earlier. */
const IDLE_MS = 2 * CLIENT_IDLE_MS;

/**
 * Opens the gRPC port.
 *
 * grpc-js can open one itself, but then there is no event for handshakes that fail, sockets whose handshake
 * times out stay open (Node only emits the error), and nothing bounds the number of connections. So
 * the TLS server is ours, and grpc-js gets connections that are through with it:
 *
 *     TCP ──> its turn ──> TLS 1.3, ALPN h2, 5 s ──> grpc-js: HTTP/2 with the limits below ──> handlers
 *
 * What node:http2 does by itself: 128 headers of 64 KiB together for a stream (the stream is reset
 * with ENHANCE_YOUR_CALM), and floods of frames that carry nothing end the connection.
 */
export async function openGrpcListener(options: GrpcListenerOptions): Promise<GrpcListener> {
  const { host, clock, logger, guard, metrics, descriptors = PROCESS_DESCRIPTORS } = options;
  const { maxConnections = MAX_CONNECTIONS } = options;
  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': MAX_STREAMS,
    'grpc.max_connection_idle_ms': IDLE_MS,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc-node.max_session_memory': MAX_SESSION_MB,
    // Would keep a record of each connection.
    'grpc.enable_channelz': 0,
  });
  // grpc-js has no option of its own for what node:http2 takes.
  Object.assign(Reflect.get(server, 'commonServerOptions') ?? {}, RESETS);
  options.register(server);
  // "Insecure" says only that it does not do TLS itself.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const credentials = new HotServerCredentials(options.identity);
  const sockets = new Set<TLSSocket>();
  const mayLog = createLogLimit(clock);

  const refused = (
    reason: HandshakeFailure,
    client: string | undefined,
    identity?: string,
  ): void => {
    metrics.handshakesRefused.inc({ reason });
    if (!mayLog()) return;
    const sentence =
      identity === undefined
        ? 'a connection has no certificate of this mesh'
        : `${identity} has its share of the connections, or there are no more`;
    logger.warn({ event: 'handshake-refused', reason, client }, sentence);
  };
  metrics.connectionsFailed.inc({ reason: 'record-flood' }, 0);
  // Those that say nothing must not hold every descriptor until they are dropped.
  const affordable = Math.max(Math.floor(descriptors.capacity * PENDING_FRACTION), 4);
  const pending = new PendingHandshakes<undefined>(
    Math.min(MAX_PENDING_HANDSHAKES, affordable),
    clock,
  );
  const turns = new HandshakeTurns(clock);
  const records = new RecordWatch(clock);
  // Of whom much is held, by descriptors or not, is not at the cost of others.
  const places = new SharedBudget(maxConnections);
  const takePlace = (share: BudgetShare): HandshakeFailure | undefined => {
    const full = places.take(share);
    if (full !== undefined) return full === 'used-up' ? 'too-many-connections' : 'peer-limit';
    const denied = descriptors.take(share);
    if (denied !== undefined) places.give(share);
    return denied;
  };
  const giveUp = (raw: Socket, reason: HandshakeFailure, client: string | undefined): void => {
    // Else it was evicted, which has been counted.
    const isOurs = pending.release(raw) !== undefined || !raw.destroyed;
    raw.destroy();
    if (isOurs) refused(reason, client);
  };
  const awaitHandshake = async (raw: Socket): Promise<void> => {
    raw.on('error', ignoreError);
    const client = raw.remoteAddress;
    const evicted = pending.admit(raw, undefined);
    if (evicted !== undefined) refused('too-many-handshakes', evicted.address);
    const came = await firstByte(raw, { clock, timeoutMs: HANDSHAKE_TIMEOUT_MS });
    if (came === 'came' && !raw.destroyed) {
      pending.begin(raw);
      const turn = await turns.wait(raw, hostNetwork(client ?? ''));
      if (turn === 'begin' && !raw.destroyed) {
        tlsServer.emit('connection', raw);
        return;
      }
      if (turn === 'late') giveUp(raw, 'too-many-handshakes', client);
      return;
    }
    giveUp(raw, came === 'late' ? 'timeout' : 'closed-early', client);
  };
  const accept = (socket: TLSSocket): void => {
    const client = socket.remoteAddress;
    const raw = pending.secured(socket)?.socket;
    if (raw === undefined) {
      socket.destroy();
      return;
    }
    // After an error of HTTP/2 the session hands its error on to the socket.
    socket.on('error', (error) => {
      const reason = systemErrorCode(error) ?? 'unknown';
      metrics.connectionsFailed.inc({ reason });
      if (mayLog()) logger.warn({ event: 'connection-failed', reason, client }, error.message);
    });
    if (socket.alpnProtocol !== 'h2') {
      refused('no-common-protocol', client);
      socket.destroy();
      return;
    }
    // A client without a certificate is identified by its address: clients that enrol share nothing with
    // unauthenticated ones.
    const caller = callerAt(socket);
    const holder = caller.kind === 'workload' ? caller.spiffeId.uri : clientNetwork(client ?? '');
    const share = peerShare(holder);
    const denied = takePlace(share);
    if (denied !== undefined) {
      refused(denied, client, share.holder);
      socket.destroy();
      return;
    }
    descriptors.charge(socket, share);
    socket.once('close', () => places.give(share));
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    records.onFlood(socket, () => {
      metrics.connectionsFailed.inc({ reason: 'record-flood' });
      const sentence = 'expected TLS records with data, got too many without (KeyUpdate)';
      if (mayLog()) logger.warn({ event: 'record-flood', client }, sentence);
      socket.destroy();
    });
    injector.injectConnection(socket);
  };
  const tlsServer = createTlsServer(credentials, accept);
  records.serve(tlsServer);
  // How many descriptors there are is known for certain once everything is open.
  const bound = (): void => {
    tcpServer.maxConnections = Math.min(
      maxConnections + MAX_PENDING_HANDSHAKES,
      Math.max(descriptors.capacity, 1),
    );
  };
  const tcpServer = createTcpServer({ noDelay: true }, (raw) => {
    bound();
    guard.promise('api', awaitHandshake(raw), () => raw.destroy());
  });
  bound();
  tcpServer.on('drop', (data) => refused('too-many-connections', data?.remoteAddress));
  tlsServer.on('tlsClientError', (error, socket) => {
    const { remoteAddress: client } = socket;
    // One that had to go for another has been counted.
    if (pending.failed(socket) !== undefined) refused(handshakeFailure(error), client);
    // Node leaves it open when the handshake timed out half-way.
    socket.destroy();
  });
  const { address, port } = await listen(tcpServer, { name: 'grpc', host, port: options.port });
  const line = { event: 'listening', listener: 'grpc', address, port };
  logger.info(line, `gRPC served on ${formatHostPort(address, port)}`);
  const endConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = (): void => {
    tcpServer.close();
    pending.clear();
  };
  const force = (): void => {
    stop();
    server.forceShutdown();
    endConnections();
  };
  return {
    port,
    get connections() {
      return sockets.size;
    },
    reload: (identity) => credentials.reload(identity),
    endConnections,
    refuse() {
      stop();
      // Sends GOAWAY: calls that are under way end by themselves.
      injector.destroy();
    },
    // A session closes its socket when the last of its streams has ended. (`tryShutdown` of grpc-js
    // does not wait for sessions that are closing already.)
    async idle() {
      const open = [...sockets].filter((socket) => !socket.closed);
      const closes = open.map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      );
      await Promise.all(closes);
    },
    force,
    close: force,
  };
}

/* eslint-disable no-underscore-dangle -- what grpc-js's own server reads from its credentials */
function createTlsServer(
  credentials: HotServerCredentials,
  accept: (socket: TLSSocket) => void,
): TlsServer {
  const tlsServer = withBoundedNames(
    credentials._getSecureContextOptions() ?? {},
    (context): TlsServer =>
      createServer(
        { ...credentials._getConstructorOptions(), ...context, ...acceptOnly('h2') },
        accept,
      ),
  );
  credentials._addWatcher((options) => {
    if (options === null) return;
    withBoundedNames(options, (context) => tlsServer.setSecureContext(context));
  });
  return tlsServer;
}
/* eslint-enable no-underscore-dangle */
