import { createServer as createTcpServer } from 'node:net';
import type { Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { DescriptorCharge } from '../../common/budget/descriptor-charge.ts';
import { type DescriptorBudget, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { HANDSHAKES_SHARE, peerShare } from '../../common/budget/shares.ts';
import type { Clock, EpochMs } from '../../common/clock.ts';
import { describeError, systemErrorCode } from '../../common/errors.ts';
import { listen } from '../../common/listen.ts';
import { withBoundedNames } from '../../common/tls/authority-names.ts';
import { TriedContext } from '../../common/tls/tried-context.ts';
import { tryHandshake } from '../../common/tls/try-handshake.ts';
import { DEFAULT_CONNECTION_LIMITS } from '../http2/connection-limits.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import { skewHint } from '../identity/skew.ts';
import type { IdentityChange, IdentitySource, WorkloadIdentity } from '../identity/source.ts';
import type { TunnelMetrics } from '../metrics.ts';
import { HandshakeGate } from './handshake-gate.ts';
import type { Evicted, PendingHandshake } from './handshake-gate.ts';
import { InboundTunnels } from './inbound-tunnels.ts';
import { checkPeer, HBONE_ALPN } from './peer-check.ts';
import type { HandshakeRefusal, AuthenticatedPeer } from './peer-check.ts';
import { RefusalLog } from './refusal-log.ts';
import { ServerTunnel } from './server-tunnel.ts';
import { acceptingContextOptions, identityContextOptions } from './secure-context.ts';
import { isStale } from './staleness.ts';
import { DEFAULT_LISTEN_LIMITS, DEFAULT_TUNNEL_LIMITS } from './tunnel-limits.ts';
import type { ListenLimits, TunnelLimits } from './tunnel-limits.ts';
import { TUNNEL_MEMORY } from './tunnel-memory.ts';
import type { IncomingStream, TunnelListener } from './tunnel.ts';

/** What the listening side of the engine is made of. */
export interface ListenOptions {
  readonly identity: IdentitySource;
  readonly metrics: TunnelMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** IP address without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Bounds what waits for slow readers; of the whole process when it is left out. */
  readonly memory?: MemoryBudget;
  /** Pays for the connections of peers; of the whole process when it is left out. */
  readonly descriptors?: DescriptorBudget;
  readonly limits?: Partial<TunnelLimits & ListenLimits>;
}

/**
 * Listens for peers over mutual TLS 1.3 and hands on their streams, authenticated and not yet
 * authorised. A peer that is refused sees its connection end and no more; the reason goes to the log
 * and to `hauberk_handshakes_refused_total`. A new identity counts for every handshake after it, unless
 * it does not get through a handshake with ourselves, and tunnels that were made with the one before are
 * drained.
 *
 * @throws ListenError when the port cannot be opened
 */
export async function listenTunnels(
  options: ListenOptions,
  onStream: (stream: IncomingStream) => void,
): Promise<TunnelListener> {
  const { identity: source, clock, logger, metrics } = options;
  const limits = { ...DEFAULT_TUNNEL_LIMITS, ...DEFAULT_LISTEN_LIMITS, ...options.limits };
  const refusals = new RefusalLog({ logger, clock, metrics, direction: 'inbound' });
  const { descriptors = PROCESS_DESCRIPTORS } = options;
  const gate = new HandshakeGate(limits.maxPendingHandshakes);

  /** What is shown, and whom we believe. A bundle counts at once, a leaf when it has been tried. */
  let shown = source.current();
  /** What the context in use was made with, which is not always the last one. */
  let inContext = shown;
  const tunnels = new InboundTunnels({ clock, identity: source, limits });
  const contexts = new TriedContext<WorkloadIdentity>({
    attempt: (identity) =>
      tryHandshake({
        server: acceptingContextOptions(identity),
        client: identityContextOptions(identity),
      }),
    use: takeIdentity,
    refused: refuseIdentity,
  });
  const tlsServer = withBoundedNames(acceptingContextOptions(shown), (context) =>
    createTlsServer({
      ...context,
      ALPNProtocols: [HBONE_ALPN],
      requestCert: true,
      // Judged by checkPeer, which can say why.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeoutMs,
    }),
  );
  const tcpServer = createTcpServer({ noDelay: true }, onConnection);
  tlsServer.on('secureConnection', onSecured);
  tlsServer.on('tlsClientError', onTlsError);
  const stopWatching = source.onChange(onIdentity);

  let port: number;
  try {
    ({ port } = await listen(tcpServer, {
      name: 'HBONE',
      host: options.host,
      port: options.port,
    }));
  } catch (error) {
    stopWatching();
    throw error;
  }

  function onConnection(socket: Socket): void {
    socket.on('error', ignore);
    const charge = chargeHandshake(socket);
    if (charge === undefined) return;
    // A few milliseconds: whoever dials now is to meet the identity that has come.
    if (contexts.settled === undefined) begin(socket, charge);
    else void contexts.settled.then(() => begin(socket, charge));
  }

  /** Undefined when there is no descriptor for it: then it is ended. */
  function chargeHandshake(socket: Socket): DescriptorCharge | undefined {
    const charge = new DescriptorCharge(descriptors);
    socket.once('close', () => charge.release());
    if (descriptors.heldBy(HANDSHAKES_SHARE) >= descriptors.mostFor(HANDSHAKES_SHARE)) {
      noteEvicted(gate.evictOldest());
    }
    if (charge.chargeTo(HANDSHAKES_SHARE) === undefined) return charge;
    const address = socket.remoteAddress;
    socket.destroy();
    refuse('descriptors', `all ${descriptors.capacity} descriptors are in use`, address);
    return undefined;
  }

  function noteEvicted(evicted: Evicted | undefined): void {
    if (evicted === undefined) return;
    refuse('too-many', 'too many handshakes are under way; the oldest had to go', evicted.address);
  }

  function begin(socket: Socket, charge: DescriptorCharge): void {
    if (socket.destroyed || !tcpServer.listening) {
      socket.destroy();
      return;
    }
    const address = socket.remoteAddress;
    if (tunnels.size >= limits.maxTunnels) {
      socket.destroy();
      refuse('too-many', `this sidecar has ${tunnels.size} tunnels, which is its limit`, address);
      return;
    }
    const handshake = { startedMs: clock.monotonicMs(), identity: shown, charge };
    noteEvicted(gate.admit(socket, handshake));
    tlsServer.emit('connection', socket);
  }

  function onTlsError(error: Error, socket: TLSSocket): void {
    socket.on('error', ignore);
    const address = socket.remoteAddress;
    const handshake = gate.release(socket);
    socket.destroy();
    const failure = classify(error);
    // One that was pushed out has been counted, and one that went away was not refused.
    if (handshake === undefined || failure === undefined) return;
    refuse(failure.reason, failure.sentence, address);
  }

  function onSecured(socket: TLSSocket): void {
    socket.on('error', ignore);
    const handshake = gate.release(socket);
    const address = socket.remoteAddress;
    // Gone already, by eviction or by the other side.
    if (handshake === undefined || address === undefined) {
      socket.destroy();
      return;
    }
    const check = checkPeer(socket, handshake.identity.bundle, clock.epochMs(), {
      verifiedBy: inContext.bundle,
      skew: skewHint(handshake.identity, clock),
    });
    if (check.kind === 'refused') {
      socket.destroy();
      refuse(check.reason, check.sentence, address);
      return;
    }
    const peerKey = `${check.peer.uri} ${address}`;
    const denied = handshake.charge.chargeTo(peerShare(check.peer.uri));
    if (denied !== undefined) {
      socket.destroy();
      const share = `${check.peer.uri} has its share of the descriptors`;
      const all = `all ${descriptors.capacity} descriptors are in use`;
      refuse(denied, denied === 'peer-limit' ? share : all, address);
      return;
    }
    const denial = tunnels.denial(check.peer, peerKey);
    if (denial !== undefined) {
      socket.destroy();
      if (denial.reason !== 'too-many') descriptors.refuse(denial.reason);
      refuse(denial.reason, denial.sentence, address);
      return;
    }
    metrics.handshake('inbound', (clock.monotonicMs() - handshake.startedMs) / 1000);
    tunnels.add(peerKey, openTunnel(socket, handshake, check, peerKey));
  }

  function openTunnel(
    socket: TLSSocket,
    { identity }: PendingHandshake,
    { peer, certificate }: AuthenticatedPeer,
    peerKey: string,
  ): ServerTunnel {
    const tunnel = new ServerTunnel({
      socket,
      direction: 'inbound',
      peer,
      identity,
      expiresMs: certificate.validToDate.getTime() as EpochMs,
      cancelled: tunnels.bucketOf(peerKey),
      clock,
      logger,
      metrics,
      limits,
      http2: {
        ...DEFAULT_CONNECTION_LIMITS,
        maxConcurrentStreams: limits.maxConcurrentStreams,
      },
      memory: options.memory ?? TUNNEL_MEMORY,
      onStream,
    });
    // The identity changed, or a drain began, while the handshake was under way.
    if (!tcpServer.listening || isStale(identity, shown)) tunnel.drain('drained');
    return tunnel;
  }

  function onIdentity(identity: WorkloadIdentity, change: IdentityChange): void {
    shown = { ...shown, bundle: identity.bundle };
    tunnels.drainStale(shown);
    if (change !== 'revocations') contexts.offer(identity);
  }

  function takeIdentity(identity: WorkloadIdentity): void {
    withBoundedNames(acceptingContextOptions(identity), (context) => {
      tlsServer.setSecureContext(context);
    });
    inContext = identity;
    // Revocations may have come since.
    shown = { ...identity, bundle: source.current().bundle };
    tunnels.drainStale(shown);
  }

  function refuseIdentity(_identity: WorkloadIdentity, error: unknown): void {
    metrics.tlsContextRefused();
    logger.error(
      { event: 'identity-unusable', err: error },
      `expected a certificate and roots that a handshake can be made with, but: ${describeError(error)}; the ones before stay in use`,
    );
  }

  function refuse(reason: HandshakeRefusal, sentence: string, address: string | undefined): void {
    refusals.refuse(reason, { sentence, address });
  }

  logger.info({ event: 'listening', listener: 'hbone', address: options.host, port }, 'listening');
  const listener: TunnelListener = {
    port,
    get openTunnels() {
      return tunnels.size;
    },
    refuse() {
      if (tcpServer.listening) tcpServer.close();
      gate.clear();
      tunnels.drainAll();
    },
    idle: () => tunnels.idle(),
    force: () => tunnels.destroyAll('forced'),
    async close() {
      listener.refuse();
      listener.force();
      stopWatching();
      refusals.close();
      await tunnels.idle();
    },
  };
  return listener;
}

/** What a handshake that TLS itself ended means; undefined when the other side just went away. */
function classify(
  error: Error,
): { readonly reason: HandshakeRefusal; readonly sentence: string } | undefined {
  const code = systemErrorCode(error) ?? error.message;
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return undefined;
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return { reason: 'timeout', sentence: 'expected a TLS handshake, it did not end in time' };
    case 'ERR_SSL_NO_APPLICATION_PROTOCOL':
      return {
        reason: 'no-alpn',
        sentence: `expected the protocol ${HBONE_ALPN} by ALPN, got others`,
      };
    default:
      return {
        reason: 'tls-error',
        sentence: `expected a TLS 1.3 handshake, got something else (${code})`,
      };
  }
}

function ignore(): void {}
