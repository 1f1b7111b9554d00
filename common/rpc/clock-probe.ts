import { once } from 'node:events';
import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import type { HostPort } from '../config/address.ts';
import { ignoreError } from '../ignored.ts';
import { peerSpiffeId } from '../pki/peer.ts';
import { controlPlaneId } from '../pki/spiffe-id.ts';
import { TLS_OPTIONS } from '../pki/tls-options.ts';
import { pathFault } from '../pki/path/verified-path.ts';

/** Which server to ask, and which roots to trust. */
export interface ClockProbeSettings {
  readonly address: HostPort;
  readonly trustDomain: string;
  readonly roots: readonly X509Certificate[];
  readonly timeoutMs: number;
}

/**
 * By how much this host's clock is wrong at least, when a server that OpenSSL does not trust is the control
 * plane nevertheless, and only its dates do not fit our clock: its certificate is a day old at most.
 *
 * @returns milliseconds that this host's clock is ahead (positive) or behind (negative); undefined when it is
 *   not the clock
 */
export async function probeClock(
  { address, trustDomain, roots, timeoutMs }: ClockProbeSettings,
  nowMs: number,
): Promise<number | undefined> {
  const socket = connect({
    ...address,
    ...TLS_OPTIONS,
    ALPNProtocols: ['h2'],
    servername: '',
    // Nothing is sent; what it shows is verified below, but for the date.
    rejectUnauthorized: false,
  });
  socket.on('error', ignoreError);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(timeoutMs) });
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    // Whatever the time is: it was right when it was made.
    const atMs = certificate.validFromDate.getTime();
    if (pathFault(certificate, { roots, atMs, purposes: ['serverAuth'] }) !== undefined)
      return undefined;
    if (peerSpiffeId(certificate).uri !== controlPlaneId(trustDomain).uri) return undefined;
    const [fromMs, untilMs] = [certificate.validFromDate, certificate.validToDate].map(Number);
    if (fromMs !== undefined && nowMs < fromMs) return nowMs - fromMs;
    return untilMs !== undefined && nowMs > untilMs ? nowMs - untilMs : undefined;
  } catch {
    // Whatever this is, the caller has an error of its own to tell.
    return undefined;
  } finally {
    socket.destroy();
  }
}
