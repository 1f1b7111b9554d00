import { ConnectionError } from './http2-error.ts';
import {
  DEFAULT_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
} from './protocol.ts';

/** Identifiers of settings (RFC 9113 section 6.5.2). */
export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  /** RFC 8441 section 3. */
  ENABLE_CONNECT_PROTOCOL: 8,
} as const;

/** What the peer has asked of us. What we have no use for is left out. */
export interface PeerSettings {
  readonly maxConcurrentStreams: number;
  readonly initialWindowBytes: number;
  readonly maxFrameBytes: number;
  /** It takes extended CONNECT (RFC 8441). */
  readonly extendedConnect: boolean;
}

/** What counts until the peer's SETTINGS have come. */
export const INITIAL_PEER_SETTINGS: PeerSettings = {
  maxConcurrentStreams: Number.POSITIVE_INFINITY,
  initialWindowBytes: DEFAULT_WINDOW_BYTES,
  maxFrameBytes: DEFAULT_FRAME_BYTES,
  extendedConnect: false,
};

const ENTRY_BYTES = 6;

/**
 * Applies the payload of a SETTINGS frame, entry by entry; what is unknown is ignored (RFC 9113
 * section 6.5).
 *
 * @param peer is the side that sent it: a server must not ask for pushes
 * @throws ConnectionError `FRAME_SIZE_ERROR`, `PROTOCOL_ERROR`, `FLOW_CONTROL_ERROR`
 */
export function applySettings(
  settings: PeerSettings,
  payload: Buffer,
  peer: 'client' | 'server',
): PeerSettings {
  if (payload.length % ENTRY_BYTES !== 0) {
    const sentence = `expected SETTINGS in entries of 6 bytes, got ${payload.length} bytes`;
    throw new ConnectionError('FRAME_SIZE_ERROR', sentence);
  }
  let { maxConcurrentStreams, initialWindowBytes, maxFrameBytes, extendedConnect } = settings;
  for (let at = 0; at < payload.length; at += ENTRY_BYTES) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case SETTING.ENABLE_PUSH:
        if (value > (peer === 'client' ? 1 : 0)) throw invalid('ENABLE_PUSH', value);
        break;
      case SETTING.MAX_CONCURRENT_STREAMS:
        maxConcurrentStreams = value;
        break;
      case SETTING.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW_BYTES) {
          const sentence = `expected a window of at most 2^31-1 bytes, got ${value}`;
          throw new ConnectionError('FLOW_CONTROL_ERROR', sentence);
        }
        initialWindowBytes = value;
        break;
      case SETTING.MAX_FRAME_SIZE:
        if (value < DEFAULT_FRAME_BYTES || value > MAX_FRAME_BYTES) {
          throw invalid('MAX_FRAME_SIZE', value);
        }
        maxFrameBytes = value;
        break;
      case SETTING.ENABLE_CONNECT_PROTOCOL:
        if (value > 1 || (extendedConnect && value === 0)) {
          throw invalid('ENABLE_CONNECT_PROTOCOL', value);
        }
        extendedConnect = value === 1;
        break;
    }
  }
  return { maxConcurrentStreams, initialWindowBytes, maxFrameBytes, extendedConnect };
}

function invalid(name: string, value: number): ConnectionError {
  return new ConnectionError('PROTOCOL_ERROR', `expected a valid ${name} setting, got ${value}`);
}
