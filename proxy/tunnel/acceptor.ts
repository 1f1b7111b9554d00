import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { DescriptorCharge } from '../../common/budget/descriptor-charge.ts';
import { type DescriptorBudget, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { HANDSHAKES_SHARE, peerShare } from '../../common/budget/shared-budget.ts';
import type { Clock, MonotonicMs } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import { describeError, systemErrorCode } from '../../common/errors.ts';
import { ignoreError } from '../../common/ignored.ts';
import { createRefusalLines } from '../../common/logging/refusal-lines.ts';
import type { Network } from '../../common/network/network.ts';
import { acceptOnly } from '../../common/tls/accept-only.ts';
import { Alerts, type AlertName } from '../../common/tls/alerts.ts';
import { withBoundedNames } from '../../common/tls/authority-names.ts';
import { firstByte } from '../../common/tls/first-byte.ts';
import { PendingHandshakes, type Evicted } from '../../common/tls/pending-handshakes.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import { TriedContext } from '../../common/tls/tried-context.ts';
import { tryHandshake } from '../../common/tls/try-handshake.ts';
import { DEFAULT_CONNECTION_LIMITS } from '../http2/connection-limits.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import { skewHint } from '../identity/skew.ts';
import type { IdentityChange, IdentitySource, WorkloadIdentity } from '../identity/source.ts';
import type { TunnelMetrics } from '../metrics/proxy-metrics.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import { InboundTunnels } from './inbound-tunnels.ts';
import { readerOf } from '../stream/socket-reader.ts';
import { checkPeer, HBONE_ALPN, type HandshakeRefusal } from './peer-check.ts';
import { ServerTunnel } from './server-tunnel.ts';
import { acceptingContextOptions, identityContextOptions } from './secure-context.ts';
import { isStale } from './staleness.ts';
import {
  DEFAULT_LISTEN_LIMITS,
  DEFAULT_TUNNEL_LIMITS,
  type ListenLimits,
  type TunnelLimits,
} from './tunnel-limits.ts';
import { TUNNEL_MEMORY } from './tunnel-memory.ts';
import type { IncomingStream, TunnelListener } from './tunnel.ts';

/** What the listening side of the engine is made of. */
export interface ListenOptions {
  readonly identity: IdentitySource;
  readonly network: Pick<Network, 'listen'>;
  readonly metrics: TunnelMetrics;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
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

/** What is kept beside a handshake that is under way. */
interface HandshakeNotes {
  /** Of the TCP socket. */
  readonly charge: DescriptorCharge;
  /** Since its first byte came. */
  begun:
    | {
        readonly startedMs: MonotonicMs;
        /** What we show: the identity of that moment. */
        readonly identity: WorkloadIdentity;
      }
    | undefined;
}

/**
 * The acceptor of tunnels: listens for peers over mutual TLS 1.3 and hands on their streams, authenticated and not yet
 * authorised. A peer that is refused sees an alert of TLS and the end of its connection; the reason goes to the log
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
  const { identity: source, clock, logger, guard, metrics } = options;
  const limits = { ...DEFAULT_TUNNEL_LIMITS, ...DEFAULT_LISTEN_LIMITS, ...options.limits };
  const refusalLines = createRefusalLines(clock, logger);
  const { descriptors = PROCESS_DESCRIPTORS } = options;
  const pending = new PendingHandshakes<HandshakeNotes>(limits.maxPendingHandshakes, clock);
  const records = new RecordWatch(clock);

  /** What is shown, and what we trust. A bundle counts at once, a leaf when it has been tried. */
  let shown = source.current();
  /** What the context in use was made with, which is not always the last one. */
  let inContext = shown;
  const tunnels = new InboundTunnels({ clock, guard, identity: source, limits });
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
      ...acceptOnly(HBONE_ALPN),
      requestCert: true,
      // Judged by checkPeer, which can say why.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeoutMs,
    }),
  );
  records.serve(tlsServer);
  const alerts = new Alerts({ server: tlsServer, clock });
  tlsServer.on('secureConnection', onSecured);
  tlsServer.on('tlsClientError', onTlsError);
  const stopWatching = source.onChange(onIdentity);

  const { host, port: wantedPort } = options;
  const target = { name: 'HBONE', host, port: wantedPort, noDelay: true };
  const opening = options.network.listen(target, onConnection);
  opening.catch(stopWatching);
  const {
    server: tcpServer,
    address: { port },
  } = await opening;

  function onConnection(socket: Socket): void {
    socket.on('error', ignoreError);
    const charge = chargeHandshake(socket);
    if (charge === undefined) return;
    noteEvicted(pending.admit(socket, { charge, begun: undefined }));
    guard.promise('tunnel', begin(socket), () => socket.destroy());
  }

  /** Undefined when there is no descriptor for it: then it is ended. */
  function chargeHandshake(socket: Socket): DescriptorCharge | undefined {
    const charge = new DescriptorCharge(descriptors);
    socket.once('close', () => charge.release());
    if (descriptors.heldBy(HANDSHAKES_SHARE) >= descriptors.mostFor(HANDSHAKES_SHARE)) {
      noteEvicted(pending.evict());
    }
    if (charge.chargeTo(HANDSHAKES_SHARE) === undefined) return charge;
    const address = socket.remoteAddress;
    socket.destroy();
    refuse('descriptors', `all ${descriptors.capacity} descriptors are in use`, address);
    return undefined;
  }

  function noteEvicted(evicted: Evicted<HandshakeNotes> | undefined): void {
    if (evicted === undefined) return;
    // Its descriptor is closed already; 'close' comes a turn later.
    evicted.notes.charge.release();
    const sentence = 'too many handshakes are under way; one of the source with the most was ended';
    refuse('too-many', sentence, evicted.address);
  }

  async function begin(socket: Socket): Promise<void> {
    const came = await firstByte(socket, { clock, timeoutMs: limits.handshakeTimeoutMs });
    // A few milliseconds: a peer that dials now is to meet the new identity.
    await contexts.settled;
    if (came === 'left' || socket.destroyed || !tcpServer.listening) {
      socket.destroy();
      return;
    }
    const address = socket.remoteAddress;
    if (came === 'late') {
      pending.release(socket);
      socket.destroy();
      refuse('timeout', 'expected a TLS handshake, nothing came in time', address);
      return;
    }
    if (tunnels.size >= limits.maxTunnels) {
      socket.destroy();
      refuse('too-many', `this sidecar has ${tunnels.size} tunnels, which is its limit`, address);
      return;
    }
    const notes = pending.begin(socket);
    if (notes === undefined) return;
    notes.begun = { startedMs: clock.monotonicMs(), identity: shown };
    tlsServer.emit('connection', socket);
  }

  function onTlsError(error: Error, socket: TLSSocket): void {
    socket.on('error', ignoreError);
    const address = socket.remoteAddress;
    const handshake = pending.failed(socket);
    socket.destroy();
    const failure = classify(error);
    // One that was pushed out has been counted, and one that went away was not refused.
    if (handshake === undefined || failure === undefined) return;
    refuse(failure.reason, failure.sentence, address);
  }

  function onSecured(socket: TLSSocket): void {
    socket.on('error', ignoreError);
    const handshake = pending.secured(socket);
    const begun = handshake?.notes.begun;
    const address = socket.remoteAddress;
    // Gone already, by eviction or by the other side.
    if (handshake === undefined || begun === undefined || address === undefined) {
      socket.destroy();
      return;
    }
    const check = checkPeer(socket, begun.identity.bundle, clock.epochMs(), {
      verifiedBy: inContext.bundle,
      skew: skewHint(begun.identity, clock),
    });
    if (check.kind === 'refused') {
      const alert = alertOf(check.reason);
      if (alert === undefined) socket.destroy();
      else alerts.refuse({ secured: socket, raw: handshake.socket }, alert);
      refuse(check.reason, check.sentence, address);
      return;
    }
    alerts.accept(socket);
    const { peer } = check;
    const { uri } = peer.spiffeId;
    const peerKey = `${uri} ${address}`;
    const denied = handshake.notes.charge.chargeTo(peerShare(uri));
    if (denied !== undefined) {
      socket.destroy();
      const share = `${uri} has its share of the descriptors`;
      const all = `all ${descriptors.capacity} descriptors are in use`;
      refuse(denied, denied === 'peer-limit' ? share : all, address);
      return;
    }
    const denial = tunnels.denial(peer.spiffeId, peerKey);
    if (denial !== undefined) {
      socket.destroy();
      if (denial.reason !== 'too-many') descriptors.refuse(denial.reason);
      refuse(denial.reason, denial.sentence, address);
      return;
    }
    metrics.handshake('inbound', (clock.monotonicMs() - begun.startedMs) / 1000);
    tunnels.add(peerKey, openTunnel(socket, begun.identity, peer, peerKey));
  }

  function openTunnel(
    socket: TLSSocket,
    identity: WorkloadIdentity,
    peer: AuthenticatedPeer,
    peerKey: string,
  ): ServerTunnel {
    const tunnel = new ServerTunnel({
      reader: readerOf(socket),
      records,
      direction: 'inbound',
      peer,
      address: socket.remoteAddress,
      identity,
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
      `expected a certificate and roots that a handshake can be made with, but: ${describeError(error)}; the previous ones stay in use`,
    );
  }

  function refuse(reason: HandshakeRefusal, sentence: string, address: string | undefined): void {
    metrics.handshakeRefused('inbound', reason);
    const fields = { event: 'handshake-refused', direction: 'inbound', reason, address };
    refusalLines(fields, `handshake refused: ${sentence}`);
  }

  logger.info({ event: 'listening', listener: 'hbone', address: host, port }, 'listening');
  const listener: TunnelListener = {
    port,
    get openTunnels() {
      return tunnels.size;
    },
    maxTunnels: limits.maxTunnels,
    tunnels: () => tunnels.states(),
    refuse() {
      if (tcpServer.listening) tcpServer.close();
      pending.clear();
      tunnels.drainAll();
    },
    idle: () => tunnels.idle(),
    force: () => tunnels.destroyAll('forced'),
    async close() {
      listener.refuse();
      listener.force();
      stopWatching();
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

/** What a peer is told by TLS; what is missing is none of its business, or was told by OpenSSL. */
const ALERT_OF: Readonly<Partial<Record<HandshakeRefusal, AlertName>>> = {
  'certificate-missing': 'certificate_required',
  untrusted: 'unknown_ca',
  expired: 'certificate_expired',
  // Of RFC 8446: "has expired or is not currently valid".
  'not-yet-valid': 'certificate_expired',
  revoked: 'certificate_revoked',
  'san-missing': 'bad_certificate',
  'san-multiple': 'bad_certificate',
  'spiffe-id': 'bad_certificate',
  'wrong-trust-domain': 'access_denied',
  'no-alpn': 'no_application_protocol',
};

/** The alert for a refusal; undefined when the connection just ends. */
function alertOf(reason: HandshakeRefusal): AlertName | undefined {
  return ALERT_OF[reason];
}
