import { setImmediate as nextTurn } from 'node:timers/promises';
import { Http2Connection } from '../../../proxy/http2/connection.ts';
import type { ConnectionHandler, ConnectionOptions } from '../../../proxy/http2/connection.ts';
import { DEFAULT_CONNECTION_LIMITS } from '../../../proxy/http2/connection-limits.ts';
import type { ConnectionLimits } from '../../../proxy/http2/connection-limits.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { serveConnect } from '../../../proxy/http2/connect-requests.ts';
import { FRAME as TYPE } from '../../../proxy/http2/protocol.ts';
import type { Http2Stream } from '../../../proxy/http2/stream.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import type { StreamClose, StreamReceiver } from '../../../proxy/stream/byte-stream.ts';
import { CLIENT_PREFACE, frame, FRAME, literalHeader } from '../../helpers/clients/http2-frames.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import type { Cut } from './memory-transport.ts';
import { transportPair } from './memory-transport.ts';

/** Limits of a server as the product has it. */
export const SERVER_LIMITS: ConnectionLimits = {
  ...DEFAULT_CONNECTION_LIMITS,
  maxConcurrentStreams: 200,
};

/** A frame as it came over the wire. DATA is `data` of its payload. */
export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Cuts well-formed output into frames, without any code of ours. */
export function parseFrames(bytes: Buffer): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    if (at + 9 + length > bytes.length) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

/** What a connection told its handler. */
export interface Heard {
  readonly streams: Http2Stream[];
  readonly authorities: string[];
  readonly goaways: number[];
  accepted: number;
  streamsClosed: number;
  closed: { readonly error: Error | undefined } | undefined;
}

/** Keeps what it hears; `onConnect` decides about streams. */
export function recordingHandler(
  onConnect: (stream: Http2Stream, authority: string) => void = () => {},
): { readonly handler: ConnectionHandler; readonly heard: Heard } {
  const heard: Heard = {
    streams: [],
    authorities: [],
    goaways: [],
    accepted: 0,
    streamsClosed: 0,
    closed: undefined,
  };
  const handler: ConnectionHandler = {
    request(connection, stream, fields) {
      serveConnect(connection, stream, fields, (asked, authority) => {
        heard.streams.push(asked);
        heard.authorities.push(authority);
        onConnect(asked, authority);
      });
    },
    settings: (isFirst) => void (heard.accepted += isFirst ? 1 : 0),
    goaway: (code) => void heard.goaways.push(code),
    streamClosed: () => void (heard.streamsClosed += 1),
    closed: (error) => void (heard.closed = { error }),
  };
  return { handler, heard };
}

/** What a test wants to be different about a connection. */
export interface RawOptions {
  readonly role?: ConnectionOptions['role'];
  readonly limits?: Partial<ConnectionLimits>;
  readonly budget?: MemoryBudget;
  readonly onConnect?: (stream: Http2Stream, authority: string) => void;
  readonly cut?: Cut;
}

/** A connection of ours whose peer is the test, which writes and reads bytes. */
export function rawPeer(options: RawOptions = {}) {
  const clock = createManualClock();
  const [own, peer] = transportPair(options.cut);
  const { handler, heard } = recordingHandler(options.onConnect);
  const budget = options.budget ?? new MemoryBudget(64 * 1024 * 1024);
  const connection = new Http2Connection({
    role: options.role ?? 'server',
    transport: new SocketTransport(own),
    handler,
    limits: { ...SERVER_LIMITS, ...options.limits },
    budget,
    clock,
  });
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  peer.on('error', () => {});
  return {
    connection,
    heard,
    clock,
    budget,
    peer,
    /** Everything of ours that has come so far. */
    frames: (): SeenFrame[] => {
      const bytes = Buffer.concat(chunks);
      return parseFrames(options.role === 'client' ? bytes.subarray(24) : bytes);
    },
    send: async (...parts: readonly Uint8Array[]): Promise<void> => {
      peer.write(Buffer.concat(parts));
      await settled();
    },
  };
}

/** Waits until what was written into memory transports has been read, and answered. */
export async function settled(turns = 6): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await nextTurn();
}

/** The frame that ends a connection, as its error code; undefined while there was none. */
export function goawayCode(frames: readonly SeenFrame[]): number | undefined {
  return frames.find(({ type }) => type === TYPE.GOAWAY)?.payload.readUInt32BE(4);
}

/** The error code with which a stream was reset. */
export function resetCode(frames: readonly SeenFrame[], streamId: number): number | undefined {
  return frames
    .find(({ type, stream }) => type === TYPE.RST_STREAM && stream === streamId)
    ?.payload.readUInt32BE(0);
}

/** A CONNECT, as a foreign client sends it. */
export function connectFrame(streamId: number, authority = '10.0.0.1:80', flags = 4): Buffer {
  const payload = Buffer.concat([
    literalHeader(':method', 'CONNECT'),
    literalHeader(':authority', authority),
  ]);
  return frame({ type: FRAME.headers, flags, stream: streamId, payload });
}

export const PREFACE = CLIENT_PREFACE;

/** Four bytes, as RST_STREAM, WINDOW_UPDATE and SETTINGS have them. */
export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}

/** A receiver that keeps everything, and consumes it at once unless told otherwise. */
export class KeepingReceiver implements StreamReceiver {
  readonly chunks: Buffer[] = [];
  ends: StreamClose[] = [];
  remoteEnds = 0;
  writtenBytes = 0;
  readonly #stream: Http2Stream;
  readonly #consumes: boolean;

  constructor(stream: Http2Stream, { consumes = true }: { readonly consumes?: boolean } = {}) {
    this.#stream = stream;
    this.#consumes = consumes;
    stream.attach(this);
    stream.start();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  data(chunk: Buffer): boolean {
    this.chunks.push(Buffer.from(chunk));
    if (this.#consumes) this.#stream.consumed(chunk.length);
    return this.#consumes;
  }

  end(): void {
    this.remoteEnds += 1;
  }

  written(bytes: number): void {
    this.writtenBytes += bytes;
  }

  spare(): void {}

  closed(how: StreamClose): void {
    this.ends.push(how);
  }
}
