import type { OnReadOpts } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { TUNNELS_SHARE } from '../../common/budget/shared-budget.ts';
import type { Clock } from '../../common/clock.ts';
import { ignoreError, mayReject } from '../../common/ignored.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import { createRefusalLines } from '../../common/logging/refusal-lines.ts';
import type { Network } from '../../common/network/network.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import { DEFAULT_CONNECTION_LIMITS } from '../http2/connection-limits.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import { skewHint } from '../identity/skew.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { TunnelMetrics } from '../metrics/proxy-metrics.ts';
import { sharedRead } from '../stream/socket-reader.ts';
import {
  acceptanceError,
  connectError,
  dialAbortedError,
  dialTimeoutError,
  handshakeError,
  noDescriptorError,
  peerError,
} from './dial-error.ts';
import { ClientTunnel } from './client-tunnel.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import { checkPeer, HBONE_ALPN, type PeerCheck } from './peer-check.ts';
import { DialContext } from './secure-context.ts';
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from './tunnel-limits.ts';
import { TUNNEL_MEMORY } from './tunnel-memory.ts';
import type { Dial, DialTarget, Tunnel } from './tunnel.ts';

/** What the dialling side of the engine is made of. */
export interface DialOptions {
  readonly identity: IdentitySource;
  readonly network: Pick<Network, 'connectTls'>;
  readonly metrics: TunnelMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Bounds what waits for slow readers; of the whole process when it is left out. */
  readonly memory?: MemoryBudget;
  readonly limits?: Partial<TunnelLimits>;
}

/**
 * Creates the dialling side of HBONE: TLS 1.3 with the identity of the moment, ALPN
 * `h2`, no SNI, no resumption. The peer's identity is verified before a byte of HTTP/2 is sent.
 *
 * The TLS handshake of a client ends before the server has judged its certificate, so a dial
 * resolves only when the peer's SETTINGS have come: they are its word that it accepted us.
 */
export function createDial(options: DialOptions): Dial {
  const { identity: source, network, clock, logger, metrics } = options;
  const limits: TunnelLimits = { ...DEFAULT_TUNNEL_LIMITS, ...options.limits };
  const refusalLines = createRefusalLines(clock, logger);
  const records = new RecordWatch(clock);
  const contexts = new DialContext();

  return async function dial(target: DialTarget, signal?: AbortSignal): Promise<Tunnel> {
    if (signal?.aborted === true) throw dialAbortedError(target, signal);
    if (PROCESS_DESCRIPTORS.take(TUNNELS_SHARE) !== undefined) throw noDescriptorError(target);
    const identity = source.current();
    const startedMs = clock.monotonicMs();
    const shared = sharedRead();
    const socket = PROCESS_DESCRIPTORS.open(TUNNELS_SHARE, () =>
      openSocket(target, { secureContext: contexts.of(identity), onread: shared.onread }, network),
    );
    records.dial(socket);
    let tunnel: ClientTunnel | undefined;
    const { promise: interrupted, reject: interrupt } = Promise.withResolvers<never>();
    mayReject(interrupted);
    const timer = clock.after(limits.handshakeTimeoutMs, () => {
      interrupt(dialTimeoutError(target, limits.handshakeTimeoutMs, socket.connecting));
    });
    const onAbort = (): void => interrupt(dialAbortedError(target, signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([secured(socket, target), interrupted]);
      const { federated: _others, ...own } = identity.bundle;
      const check = checkPeer(socket, own, clock.epochMs(), { skew: skewHint(identity, clock) });
      tunnel = new ClientTunnel({
        reader: shared.of(socket),
        records,
        direction: 'outbound',
        peer: requireExpected(check, target),
        clock,
        logger,
        metrics,
        limits,
        http2: DEFAULT_CONNECTION_LIMITS,
        memory: options.memory ?? TUNNEL_MEMORY,
      });
      await Promise.race([accepted(tunnel, socket, target), interrupted]);
      metrics.handshake('outbound', (clock.monotonicMs() - startedMs) / 1000);
      tunnel.start();
      return tunnel;
    } catch (error) {
      tunnel?.destroy('transport-error');
      socket.destroy();
      throw error;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  };

  function requireExpected(check: PeerCheck, target: DialTarget): AuthenticatedPeer {
    if (check.kind === 'peer' && check.peer.spiffeId.uri === target.expect.uri) return check.peer;
    const error = peerError(check, target);
    const reason = check.kind === 'refused' ? check.reason : 'wrong-identity';
    metrics.handshakeRefused('outbound', reason);
    const address = formatHostPort(target.address, target.port);
    const fields = { event: 'handshake-refused', direction: 'outbound', reason, address };
    refusalLines(fields, `handshake refused: ${error.message}`);
    throw error;
  }
}

function openSocket(
  target: DialTarget,
  how: { readonly secureContext: SecureContext; readonly onread: OnReadOpts },
  network: Pick<Network, 'connectTls'>,
): TLSSocket {
  const options = {
    host: target.address,
    port: target.port,
    ALPNProtocols: [HBONE_ALPN],
    // Judged by checkPeer, which can say why.
    rejectUnauthorized: false,
    // The identity is in the URI; the address is not part of the name.
    checkServerIdentity: () => undefined,
  };
  const socket = network.connectTls(Object.assign(options, how));
  socket.setNoDelay(true);
  socket.on('error', ignoreError);
  return socket;
}

/** Resolves when the TLS handshake has ended on our side. */
function secured(socket: TLSSocket, target: DialTarget): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let connected = false;
  let failure: Error | undefined;
  socket.once('connect', () => {
    connected = true;
  });
  socket.once('secureConnect', resolve);
  socket.once('error', (error) => {
    failure = error;
  });
  socket.once('close', () => {
    reject(connected ? handshakeError(target, failure) : connectError(target, failure));
  });
  mayReject(promise);
  return promise;
}

/** Resolves when the peer has accepted us, and rejects when it ends the connection instead. */
async function accepted(
  tunnel: ClientTunnel,
  socket: TLSSocket,
  target: DialTarget,
): Promise<void> {
  const refused = tunnel.closed.then(() => {
    throw acceptanceError(target, socket.errored ?? undefined);
  });
  await Promise.race([tunnel.accepted, refused]);
}
