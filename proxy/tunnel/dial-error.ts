import { descriptorError, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { systemErrorCode } from '../../common/errors.ts';
import { isLoopback } from '../../common/network/ip-address.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { PeerCheck } from './peer-check.ts';
import { NotAcceptedError, TunnelError } from './tunnel-error.ts';
import type { DialTarget } from './tunnel.ts';

const HANDSHAKE_HINT = "look for the reason in the peer's log";

/** No TCP connection could be made. */
export function connectError(target: DialTarget, cause: Error | undefined): TunnelError {
  const reason = systemErrorCode(cause) ?? cause?.message ?? 'closed';
  return new TunnelError('unreachable', `${describe(target)} could not be reached (${reason})`, {
    hint: 'check that its sidecar runs and that the network lets the connection through',
    cause,
  });
}

/** TLS failed before it was up on our side. */
export function handshakeError(target: DialTarget, cause: Error | undefined): TunnelError {
  const reason = systemErrorCode(cause) ?? cause?.message ?? 'closed';
  const sentence = `the TLS handshake with ${describe(target)} failed (${reason})`;
  return new TunnelError('handshake', sentence, { hint: HANDSHAKE_HINT, cause });
}

/** The peer ended the connection instead of accepting our certificate, which it does not explain. */
export function acceptanceError(target: DialTarget, cause: Error | undefined): TunnelError {
  const sentence = `${describe(target)} closed the connection instead of accepting this sidecar`;
  return new NotAcceptedError('handshake', sentence, { hint: HANDSHAKE_HINT, cause });
}

/** The handshake took too long. */
export function dialTimeoutError(
  target: DialTarget,
  timeoutMs: number,
  connecting: boolean,
): TunnelError {
  const peer = describe(target);
  if (!connecting) {
    const sentence = `${peer} did not complete the handshake in ${timeoutMs} ms`;
    return new TunnelError('handshake', sentence);
  }
  const sentence = `${peer} did not accept a TCP connection in ${timeoutMs} ms`;
  const hint = 'check that its sidecar runs and that the network lets the connection through';
  return new TunnelError('unreachable', sentence, { hint });
}

/** This process has no descriptor for it. */
export function noDescriptorError(target: DialTarget): TunnelError {
  const { message, hint } = descriptorError('descriptors', PROCESS_DESCRIPTORS);
  const sentence = `${describe(target)} was not dialled: ${message}`;
  return new TunnelError('descriptors', sentence, { hint });
}

/** The caller gave up. */
export function dialAbortedError(target: DialTarget, signal: AbortSignal | undefined): TunnelError {
  const sentence = `the dial of ${describe(target)} was cancelled`;
  return new TunnelError('aborted', sentence, { cause: signal?.reason });
}

const ADVERTISE_HINT =
  'start the sidecar that was asked for with --advertise and an address at which this host reaches it';

/** The peer is not who was asked for, or has not proven it. */
export function peerError(check: PeerCheck, target: DialTarget): TunnelError {
  if (check.kind === 'peer') {
    return new TunnelError(
      'wrong-identity',
      `expected ${target.expect.uri} at ${address(target)}, got ${check.peer.spiffeId.uri}`,
      // It says that it is at loopback, which is this host here: the one that answers is a neighbour, or ourselves.
      isLoopback(target.address) ? { hint: ADVERTISE_HINT } : {},
    );
  }
  const inCertificate = ['san-missing', 'san-multiple', 'spiffe-id', 'wrong-trust-domain'];
  const isWrong = inCertificate.includes(check.reason);
  const code = check.reason === 'no-alpn' ? 'protocol' : isWrong ? 'wrong-identity' : 'untrusted';
  return new TunnelError(code, `${describe(target)}: ${check.sentence}`);
}

function describe(target: DialTarget): string {
  return `${target.expect.uri} at ${address(target)}`;
}

function address(target: DialTarget): string {
  return formatHostPort(target.address, target.port);
}
