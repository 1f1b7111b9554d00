import type { Rate } from '../../common/rate-limit.ts';
import type { FrameReaderLimits } from './frame-reader.ts';
import type { HeaderLimits } from './hpack/decoder.ts';

/** Bounds of one connection. */
export interface ConnectionLimits {
  /** Streams that the peer may have open at once. */
  readonly maxConcurrentStreams: number;
  /** What a window of a stream may grow to. */
  readonly maxStreamWindowBytes: number;
  /** What may be under way on all streams of a connection. */
  readonly connectionWindowBytes: number;
  readonly frames: FrameReaderLimits;
  readonly headers: HeaderLimits;
  readonly flood: Rate;
  /**
   * True when the window of the connection opens as its bytes are read, so that all of its streams together hold no
   * more than that. Otherwise it opens as they come: a stalled reader does not hold up the other streams.
   */
  readonly opensWindowWhenRead?: boolean;
  /** The connection is one of many, and mostly sends little at a time: its frames wait in less memory. */
  readonly sendsLittle?: boolean;
  /** The peer may ask for other protocols by CONNECT (RFC 8441). */
  readonly extendedConnect?: boolean;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  maxConcurrentStreams: 0,
  // Bulk transfers need 1 MiB; more only makes small requests wait behind them.
  maxStreamWindowBytes: 1024 * 1024,
  // It is given back on receipt, and holds no memory. ztunnel uses the same.
  connectionWindowBytes: 16 * 1024 * 1024,
  // DATA is handed on as it arrives, so that its frames may be of any size. ztunnel uses the same.
  frames: { maxFrameBytes: 1024 * 1024, maxControlFrameBytes: 32 * 1024 },
  // A CONNECT has two short fields, and up to a few of tracing.
  headers: { maxListBytes: 16 * 1024, maxFields: 64 },
  // Far above what applications cause that give up all their connections, far below what hurts.
  flood: { burst: 20_000, perSecond: 5_000 },
};
