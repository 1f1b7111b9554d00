import type { ClientSessionOptions, ServerSessionOptions, Settings } from 'node:http2';

/**
 * What a peer may send on one stream before the application has read it. Bulk transfers need 1 MiB;
 * more only makes small requests wait behind them.
 */
const STREAM_WINDOW_BYTES = 1024 * 1024;

/** What a peer may have under way on all streams. Credited on receipt, so a stalled reader holds none. */
export const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

/** The largest frame that we take; node:http2 hands a frame on as it arrives, without collecting it. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** A CONNECT has two short fields, and up to a few of tracing. */
const MAX_HEADER_LIST_BYTES = 16 * 1024;
const MAX_HEADER_PAIRS = 64;

/**
 * Megabytes. The default of 10 refuses streams as soon as a few hundred of them queue; memory is
 * bounded by the streams that we allow and their queues instead.
 */
const MAX_SESSION_MEMORY_MB = 1024;

/** Frames that make no sense, before the tunnel ends; a peer of good faith sends none. */
const MAX_INVALID_FRAMES = 100;
const MAX_REJECTED_STREAMS = 1000;

/**
 * A backstop against RST_STREAM floods, which ends that tunnel only. It stands far above what
 * applications that reset their connections do, because the default (1,000 and 33 per second) kills
 * the connections of everybody else in the tunnel; streams that are given up before they were
 * answered have a bound of their own.
 */
const STREAM_RESET_BURST = 20_000;
const STREAM_RESET_PER_SECOND = 5_000;

const SETTINGS: Settings = {
  initialWindowSize: STREAM_WINDOW_BYTES,
  maxFrameSize: MAX_FRAME_BYTES,
  maxHeaderListSize: MAX_HEADER_LIST_BYTES,
};

const SESSION_OPTIONS = {
  maxSessionMemory: MAX_SESSION_MEMORY_MB,
  maxHeaderListPairs: MAX_HEADER_PAIRS,
};

/** The dialling side: it takes no streams. */
export function clientSessionOptions(): ClientSessionOptions {
  return {
    ...SESSION_OPTIONS,
    settings: { ...SETTINGS, enablePush: false, maxConcurrentStreams: 0 },
  };
}

/** The listening side. */
export function serverSessionOptions(maxConcurrentStreams: number): ServerSessionOptions {
  return {
    ...SESSION_OPTIONS,
    maxSessionInvalidFrames: MAX_INVALID_FRAMES,
    maxSessionRejectedStreams: MAX_REJECTED_STREAMS,
    streamResetBurst: STREAM_RESET_BURST,
    streamResetRate: STREAM_RESET_PER_SECOND,
    settings: { ...SETTINGS, maxConcurrentStreams },
  };
}
