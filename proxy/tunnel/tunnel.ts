import type { CancelSignal } from '../../common/cancellation.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { TunnelState } from '../../proto/gen/hauberk/v1/question.ts';
import type { ByteStream } from '../stream/byte-stream.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import type { TunnelError } from './tunnel-error.ts';

/**
 * The narrow waist of the data path: HBONE, as ztunnel speaks it (HTTP/2 CONNECT, RFC 9113 section
 * 8.5, over mutual TLS 1.3). Everything outside this folder knows tunnels by these types only, so
 * that the engine below them can be replaced.
 */

/** Why a tunnel ended; a label of `hauberk_tunnels_closed_total`. */
export const TUNNEL_ENDS = [
  'drained',
  'idle',
  'goaway',
  'keepalive-timeout',
  'peer-closed',
  'expired',
  'revoked',
  'protocol-error',
  'record-flood',
  'transport-error',
  'forced',
] as const;

/** One of them. */
export type TunnelEnd = (typeof TUNNEL_ENDS)[number];

/** An authenticated HTTP/2 connection to one peer, seen from the side that dialled it. */
export interface Tunnel {
  readonly peer: AuthenticatedPeer;
  readonly openStreams: number;
  /** False once it takes no new streams: it drains, the peer sent GOAWAY, or it is full or closed. */
  readonly accepting: boolean;
  /**
   * Opens a stream to `authority` (`ip:port`, RFC 9113 section 8.5) and resolves when the peer has
   * answered 200. Throws TunnelError; no byte of the connection was taken then but those of `early`.
   */
  open(authority: string, signal?: CancelSignal, early?: EarlyData): Promise<ByteStream>;
  /** Takes no new streams and closes when the last one has ended. */
  drain(reason: TunnelEnd): void;
  /** Closes at once; open streams are reset. */
  destroy(reason: TunnelEnd): void;
  /**
   * Resolves when it takes no new streams for good: it drains, the peer sent GOAWAY, or it is closed.
   * A tunnel that is merely full is not retired.
   */
  readonly retired: Promise<void>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<TunnelEnd>;
}

/** What may go along with a CONNECT, before its answer (RFC 9113 section 8.5). */
export interface EarlyData {
  /** True when bytes were sent that a peer may have taken: they must not be sent to another one. */
  readonly isSpent: boolean;
  /** Writes to the stream what there is, and what comes. */
  sendOn(stream: Pick<ByteStream, 'write'>): void;
  /** The peer has not accepted that stream. */
  refused(error: TunnelError): void;
}

/** Where to dial, and who must answer. */
export interface DialTarget {
  readonly address: string;
  readonly port: number;
  /** A certificate with any other identity is refused. */
  readonly expect: SpiffeId;
}

/** Dials tunnels. Throws TunnelError. */
export type Dial = (target: DialTarget, signal?: AbortSignal) => Promise<Tunnel>;

/** How a stream is refused (HBONE as ztunnel answers it). The peer learns nothing but this status. */
export type RefusalStatus = 400 | 401 | 503;

/** A CONNECT that a peer sent; exactly one of `accept` and `refuse` must be called. */
export interface IncomingStream {
  /** The identity in the peer's certificate: authenticated, not yet authorised. */
  readonly peer: SpiffeId;
  /** The address that the peer's connection came from, as the network says; `undefined` when it has ended. */
  readonly address: string | undefined;
  /** The `:authority` as it came: not validated. */
  readonly authority: string;
  /** Aborted when the peer gives up before the decision. */
  readonly signal: CancelSignal;
  accept(): ByteStream;
  refuse(status: RefusalStatus): void;
}

/** The listening side of HBONE. */
export interface TunnelListener extends Closeable, Drainable {
  /** Where it listens: the real port, when it was asked for port 0. */
  readonly port: number;
  readonly openTunnels: number;
  /** Most tunnels at a time. */
  readonly maxTunnels: number;
  /** Each of them, as it stands. */
  tunnels(): TunnelState[];
}
