import { HauberkError } from '../../common/errors.ts';

/** Why no stream could be opened; labels of `hauberk_connections_failed_total`. */
export type TunnelErrorCode =
  /** TCP could not be connected: refused, unreachable, timed out. */
  | 'unreachable'
  /** TLS failed, or the peer ended the connection while it was being made. */
  | 'handshake'
  /** The peer's certificate is not from a root in the trust bundle, or is outside its validity. */
  | 'untrusted'
  /** The peer proved another identity than the one that was asked for. */
  | 'wrong-identity'
  /** The peer answered 401. */
  | 'denied'
  /** The peer answered 400: it does not serve that address or port. */
  | 'not-exposed'
  /** The peer answered 503: its application did not accept. */
  | 'app-unreachable'
  /** The peer refused the stream before it looked at it (GOAWAY, REFUSED_STREAM): try another. */
  | 'refused-stream'
  /** The tunnel broke before the answer. */
  | 'tunnel-lost'
  /** The peer spoke something that is not HBONE. */
  | 'protocol'
  /** This process has no descriptors left for a tunnel. */
  | 'descriptors'
  /** The caller gave up. */
  | 'aborted';

/** Thrown by the tunnel engine and its pool. */
export class TunnelError extends HauberkError<TunnelErrorCode> {}

/**
 * `handshake`, after the peer had proven the identity that was asked for: it is there, and accepts no
 * connection.
 */
export class NotAcceptedError extends TunnelError {}
