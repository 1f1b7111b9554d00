import type { ConnectionLimits } from '../../http2/connection-limits.ts';
import { DEFAULT_CONNECTION_LIMITS } from '../../http2/connection-limits.ts';
import { DEFAULT_FRAME_BYTES } from '../../http2/protocol.ts';

/** Bounds of the connection of a client, which may be unauthenticated. */
export const SERVER_LIMITS: ConnectionLimits = {
  ...DEFAULT_CONNECTION_LIMITS,
  // What browsers expect, and what bounds the memory of a connection.
  maxConcurrentStreams: 100,
  // All requests of a connection together have no more than this waiting.
  connectionWindowBytes: 4 * 1024 * 1024,
  opensWindowWhenRead: true,
  // The default of the RFC: what clients send a frame of is within every window then.
  frames: { maxFrameBytes: DEFAULT_FRAME_BYTES, maxControlFrameBytes: DEFAULT_FRAME_BYTES },
  headers: { maxListBytes: 32 * 1024, maxFields: 256, cutsExcess: true },
  // A client of good faith sends a few of them for each request.
  flood: { burst: 2_000, perSecond: 1_000 },
  extendedConnect: true,
  sendsLittle: true,
};

/** Bounds of a connection to a server, whose streams are those of many clients. */
export const CLIENT_LIMITS: ConnectionLimits = {
  ...DEFAULT_CONNECTION_LIMITS,
  maxConcurrentStreams: 0,
  sendsLittle: true,
  frames: { maxFrameBytes: 1024 * 1024, maxControlFrameBytes: 64 * 1024 },
  headers: { maxListBytes: 64 * 1024, maxFields: 512, cutsExcess: true },
};
