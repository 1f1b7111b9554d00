import type net from 'node:net';
import { isIP } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { EgressDestination } from '../../common/authorization/egress.ts';
import { BudgetError } from '../../common/budget/budget-error.ts';
import { APPLICATION_SHARE } from '../../common/budget/shared-budget.ts';
import { describeError, systemErrorCode } from '../../common/errors.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { Network } from '../../common/network/network.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import { connectSocket } from '../stream/connect-plaintext.ts';
import { alertRefusal } from './alerts.ts';
import { EgressError } from './egress-error.ts';
import { checkServerCertificate } from './server-certificate.ts';
import type { TrustMaterials } from './trust-material.ts';
import { resetSocket } from '../stream/reset-socket.ts';
import { X509Certificate } from 'node:crypto';
import { isIssuedBy } from '../../common/pki/issued-by.ts';

/** A connection to a server outside that has proven who it is. */
export interface EgressConnection {
  /** Half-open capable and not read yet; ends with the connection below it. */
  readonly secured: TLSSocket;
  /** Breaks the connection off, with a reset. */
  reset(): void;
}

/** Long enough for a SYN that is lost twice. */
const CONNECT_TIMEOUT_MS = 10_000;

/** What dialling a server outside takes. */
export interface DialEgressDependencies {
  readonly trust: Pick<TrustMaterials, 'load'>;
  readonly network: Pick<Network, 'connect' | 'connectTls'>;
  readonly clock: MonotonicClock;
}

/**
 * Connects to the target of a policy and speaks TLS as the policy says. Not a byte is sent before the
 * server has proven who it is, and there is no way from here to plaintext.
 *
 * Throws EgressError.
 */
export async function dialEgress(
  destination: EgressDestination,
  { trust, network, clock }: DialEgressDependencies,
  signal: AbortSignal,
): Promise<EgressConnection> {
  const hostPort = formatHostPort(destination.host, destination.port);
  // First: a policy that cannot be kept must not even connect.
  const { context: secureContext, authorities } = await trust.load(destination);
  const raw = await connect(destination, { hostPort, network, clock, signal });
  try {
    const options = { destination, hostPort, network, signal, clock };
    const secured = await handshake(raw, secureContext, options);
    const leaf = secured.getPeerX509Certificate();
    if (leaf === undefined) throw new EgressError('unknown-ca', `${hostPort} shows no certificate`);
    const verifyError = secured.authorized ? undefined : String(secured.authorizationError);
    const isSigned = (): boolean => chainsTo(leaf, authorities);
    const check = checkServerCertificate(destination, { leaf, verifyError, isSigned });
    if (check.kind === 'refused') throw new EgressError(check.reason, `${hostPort}: ${check.why}`);
    secured.allowHalfOpen = true;
    // Of itself, the connection below would stay open when the one in it breaks.
    secured.once('close', () => raw.destroy());
    return {
      secured,
      reset() {
        // TLS that is ending ends the connection below it, unseen there: it could not be reset any more.
        if (secured.writableEnded && !secured.writableFinished) raw.destroy();
        // What is above ends with it. Ended in the same turn it would crash the process (Node.js 26).
        else resetSocket(raw);
      },
    };
  } catch (error) {
    resetSocket(raw);
    throw error;
  }
}

async function connect(
  { host, port }: EgressDestination,
  { hostPort, network, clock, signal }: Omit<HandshakeOptions, 'destination'>,
): Promise<net.Socket> {
  try {
    const target = { address: host, port, network, timeoutMs: CONNECT_TIMEOUT_MS, clock };
    return await connectSocket({ ...target, share: APPLICATION_SHARE }, signal);
  } catch (cause) {
    if (signal.aborted) throw aborted(hostPort, cause);
    if (cause instanceof BudgetError) {
      throw new EgressError('descriptors', `${hostPort}: ${describeError(cause)}`, { cause });
    }
    const reason = systemErrorCode(cause) ?? 'no answer in time';
    throw new EgressError('unreachable', `${hostPort} could not be reached (${reason})`, {
      hint: 'check that the name exists, that the server runs, and that the network lets the connection through',
      cause,
    });
  }
}

interface HandshakeOptions {
  readonly destination: EgressDestination;
  readonly hostPort: string;
  readonly network: DialEgressDependencies['network'];
  readonly clock: MonotonicClock;
  readonly signal: AbortSignal;
}

async function handshake(
  socket: net.Socket,
  secureContext: SecureContext,
  { destination, hostPort, network, signal, clock }: HandshakeOptions,
): Promise<TLSSocket> {
  const { alpn, clientCertificate, hostname } = destination;
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const secured = network.connectTls({
    socket,
    secureContext,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    // Judged by us before anything is sent, so that the log can say why.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  new RecordWatch(clock).dial(secured);
  const onAbort = (): void => reject(aborted(hostPort, signal.reason));
  const onClose = (): void => reject(new Error('it ended the connection'));
  secured.once('secureConnect', () => resolve(secured));
  // It stays: what comes after the handshake is judged where the connection is carried.
  secured.on('error', reject);
  secured.once('close', onClose);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await promise;
  } catch (cause) {
    secured.destroy();
    if (cause instanceof EgressError) throw cause;
    const refusal = alertRefusal(cause, clientCertificate !== undefined);
    const reason = systemErrorCode(cause) ?? (cause as Error).message;
    throw new EgressError(refusal ?? 'handshake', `${hostPort}: TLS failed (${reason})`, { cause });
  } finally {
    secured.off('close', onClose);
    signal.removeEventListener('abort', onAbort);
  }
}

function aborted(hostPort: string, cause: unknown): EgressError {
  return new EgressError('aborted', `the connection to ${hostPort} was cancelled`, { cause });
}

/** Longer chains are made to keep us busy. */
const MAX_ISSUERS = 10;

/**
 * True when the signatures lead from a certificate, over the issuers that came with it, to one of the
 * authorities, whatever the dates say. Not enough to trust a certificate: it tells what is wrong with a
 * certificate that was refused.
 *
 * @param authorities in PEM
 */
export function chainsTo(leaf: X509Certificate, authorities: readonly string[]): boolean {
  const anchors = authorities.map((pem) => new X509Certificate(pem));
  let certificate: X509Certificate | undefined = leaf;
  for (let depth = 0; certificate !== undefined && depth < MAX_ISSUERS; depth += 1) {
    const current: X509Certificate = certificate;
    if (anchors.some((anchor) => current.raw.equals(anchor.raw) || isIssuedBy(current, anchor))) {
      return true;
    }
    const issuer: X509Certificate | undefined = current.issuerCertificate;
    certificate = issuer !== undefined && isIssuedBy(current, issuer) ? issuer : undefined;
  }
  return false;
}
