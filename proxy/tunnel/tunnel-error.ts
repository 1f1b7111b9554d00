import { HauberkError } from '../../common/errors.ts';

/** Why no stream could be opened; labels of `hauberk_connections_failed_total`. */
export type TunnelErrorCode =
  | 'unreachable' // TCP could not be connected: refused, unreachable, timed out.
  | 'handshake' // TLS failed, or the peer ended the connection while it was being made.
  | 'untrusted' // The peer's certificate is not from a root in the trust bundle, or is outside its validity.
  | 'wrong-identity' // The peer proved another identity than the one that was asked for.
  | 'denied' // The peer answered 401.
  | 'not-exposed' // The peer answered 400: it does not serve that address or port.
  | 'app-unreachable' // The peer answered 503: its application did not accept.
  | 'refused-stream' // The peer refused the stream before it looked at it (GOAWAY, REFUSED_STREAM): try another.
  | 'tunnel-lost' // The tunnel broke before the answer.
  | 'protocol' // The peer spoke something that is not HBONE.
  | 'descriptors' // This process has no descriptors left for a tunnel.
  | 'aborted'; // The caller gave up.

/** Thrown by the tunnel engine and its pool. */
export class TunnelError extends HauberkError<TunnelErrorCode> {}

const UNSERVED: ReadonlySet<TunnelErrorCode> = new Set([
  'denied',
  'not-exposed',
  'app-unreachable',
  'refused-stream',
]);

/** True when the peer has said that it does not serve the stream: its application got no byte of it. */
export function isUnserved({ code }: TunnelError): boolean {
  return UNSERVED.has(code);
}

/**
 * `handshake`, after the peer had proven the identity that was asked for: it is there, and accepts no
 * connection.
 */
export class NotAcceptedError extends TunnelError {}
