import type { FloodGuard } from './flood-guard.ts';
import type { FrameHandler } from './frame-reader.ts';
import { HeaderBlocks } from './header-blocks.ts';
import type { HeaderBlock } from './header-blocks.ts';
import type { HeaderLimits } from './hpack/decoder.ts';
import { ConnectionError } from './http2-error.ts';
import { ERROR_CODE, FLAG, FRAME, MAX_STREAM_ID } from './protocol.ts';
import type { StreamTable } from './stream-table.ts';
import type { Http2Stream } from './stream.ts';

/** What frames do to their connection. */
export interface FrameEffects {
  /** DATA has arrived, of so many bytes; throws ConnectionError beyond the connection's window. */
  receive(payloadBytes: number): void;
  /** The peer has opened a stream of this id. */
  opened(block: HeaderBlock): void;
  /** The peer's SETTINGS, not acknowledged yet. */
  settings(payload: Buffer): void;
  /** 8 bytes that the peer wants back. */
  ping(opaque: Buffer): void;
  /** The answer to a PING of ours. */
  pong(): void;
  goaway(lastStreamId: number, code: number): void;
  /** The peer has opened the connection's window. */
  windowOpened(bytes: number): void;
  /** A frame came for a stream that has ended: RST_STREAM STREAM_CLOSED. */
  refuseFrame(streamId: number): void;
}

/** What judging frames takes. */
export interface IncomingFramesOptions {
  readonly streams: StreamTable;
  readonly effects: FrameEffects;
  readonly guard: FloodGuard;
  readonly headerLimits: HeaderLimits;
}

/**
 * Judges every frame by the state of its stream and of the connection (RFC 9113 sections 5.1 and 6),
 * and applies those that may be. The receiving half of HTTP/2's rules is here, and nowhere else.
 */
export class IncomingFrames implements FrameHandler {
  readonly #streams: StreamTable;
  readonly #effects: FrameEffects;
  readonly #guard: FloodGuard;
  readonly #blocks: HeaderBlocks;
  #settingsCame = false;
  /** Whose DATA frame is being read; undefined when it is discarded. */
  #reading: Http2Stream | undefined;
  #readingBytes = 0;

  constructor({ streams, effects, guard, headerLimits }: IncomingFramesOptions) {
    this.#streams = streams;
    this.#effects = effects;
    this.#guard = guard;
    this.#blocks = new HeaderBlocks(headerLimits);
  }

  dataBegins(streamId: number, payloadBytes: number): void {
    this.#requireOrder(FRAME.DATA, streamId);
    this.#requireStream('DATA', streamId);
    this.#effects.receive(payloadBytes);
    this.#readingBytes = payloadBytes;
    this.#reading = undefined;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#absent('DATA', streamId);
    } else if (stream.remoteEnded) {
      stream.break(ERROR_CODE.STREAM_CLOSED);
    } else if (!stream.hasHead) {
      // No content without header fields before it (section 8.1).
      stream.break(ERROR_CODE.PROTOCOL_ERROR);
    } else if (!stream.receive(payloadBytes)) {
      stream.break(ERROR_CODE.FLOW_CONTROL_ERROR);
    } else {
      this.#reading = stream;
    }
  }

  data(chunk: Buffer, more: boolean): void {
    if (this.#reading?.isClosed === false) this.#reading.data(chunk, more);
  }

  dataEnds(paddingBytes: number, endStream: boolean): void {
    const dataBytes = this.#readingBytes - paddingBytes;
    if (dataBytes > 0) this.#guard.earn(dataBytes);
    else if (!endStream) this.#spend('DATA frames without data');
    const stream = this.#reading;
    this.#reading = undefined;
    if (stream === undefined || stream.isClosed) return;
    if (paddingBytes > 0) stream.padding(paddingBytes);
    if (endStream) stream.remoteEnd();
  }

  unknownFrame(): void {
    this.#requireOrder(-1, 0);
    this.#spend('frames of unknown types');
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.#requireOrder(type, streamId, (flags & FLAG.ACK) !== 0);
    switch (type) {
      case FRAME.HEADERS:
        this.#requireStream('HEADERS', streamId);
        return this.#headers(this.#blocks.headers(flags, streamId, payload));
      case FRAME.CONTINUATION:
        return this.#headers(this.#blocks.continuation(flags, streamId, payload));
      case FRAME.PRIORITY:
        return this.#priority(streamId, payload);
      case FRAME.RST_STREAM:
        return this.#reset(streamId, payload);
      case FRAME.SETTINGS:
        return this.#settings(flags, streamId, payload);
      case FRAME.PUSH_PROMISE:
        throw new ConnectionError('PROTOCOL_ERROR', 'expected no PUSH_PROMISE, got one');
      case FRAME.PING:
        return this.#ping(flags, streamId, payload);
      case FRAME.GOAWAY:
        return this.#goaway(streamId, payload);
      case FRAME.WINDOW_UPDATE:
        return this.#windowUpdate(streamId, payload);
    }
  }

  /** SETTINGS come first (section 3.4), and nothing comes between the parts of a header block. */
  #requireOrder(type: number, streamId: number, isAck = false): void {
    if (!this.#settingsCame) {
      if (type !== FRAME.SETTINGS || isAck) {
        const sentence = `expected SETTINGS as the first frame, got type ${type}`;
        throw new ConnectionError('PROTOCOL_ERROR', sentence);
      }
      this.#settingsCame = true;
    }
    const pending = this.#blocks.pendingStreamId;
    if (pending === undefined || (type === FRAME.CONTINUATION && streamId === pending)) return;
    const sentence = `expected CONTINUATION of stream ${pending}, got type ${type}`;
    throw new ConnectionError('PROTOCOL_ERROR', sentence);
  }

  #requireStream(name: string, streamId: number): void {
    if (streamId !== 0) return;
    throw new ConnectionError('PROTOCOL_ERROR', `expected ${name} on a stream, got stream 0`);
  }

  #requireConnection(name: string, streamId: number): void {
    if (streamId === 0) return;
    const sentence = `expected ${name} on stream 0, got stream ${streamId}`;
    throw new ConnectionError('PROTOCOL_ERROR', sentence);
  }

  #requireLength(name: string, payload: Buffer, bytes: number): void {
    if (payload.length === bytes) return;
    const sentence = `expected ${name} of ${bytes} bytes, got ${payload.length}`;
    throw new ConnectionError('FRAME_SIZE_ERROR', sentence);
  }

  /** A frame for a stream that is not open. */
  #absent(name: string, streamId: number): void {
    const state = this.#streams.stateOf(streamId);
    if (state === 'idle') {
      const sentence = `expected ${name} on an open stream, got stream ${streamId}, which is idle`;
      throw new ConnectionError('PROTOCOL_ERROR', sentence);
    }
    if (state === 'reset') return;
    this.#spend('frames for streams that have ended');
    this.#effects.refuseFrame(streamId);
  }

  #headers(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const { streamId, fields, endStream, dependsOnItself } = block;
    if (dependsOnItself) throw selfDependency(streamId);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#headersOfAbsent(block);
    } else if (stream.remoteEnded) {
      stream.break(ERROR_CODE.STREAM_CLOSED);
    } else if (block.isCut) {
      stream.break(
        ERROR_CODE.ENHANCE_YOUR_CALM,
        'expected fewer header fields, got more than are taken',
      );
    } else if (stream.hasHead) {
      stream.trailers(fields, endStream);
    } else {
      stream.headers(fields, endStream);
      // An answer was asked for; of interim ones there may be any number.
      if (!stream.hasHead) this.#spend('interim responses');
      if (endStream && !stream.isClosed) stream.remoteEnd();
    }
  }

  #headersOfAbsent(block: HeaderBlock): void {
    const { streamId } = block;
    const state = this.#streams.stateOf(streamId);
    if (state === 'reset') return this.#spend('HEADERS of streams that were reset');
    if (state === 'closed' && !this.#streams.isRemote(streamId)) {
      // An answer to a request of ours that was reset so long ago that it is not remembered.
      return this.#spend('HEADERS of streams that have ended');
    }
    if (state === 'closed') {
      const sentence = `expected HEADERS of a new stream, got stream ${streamId}, which has ended`;
      throw new ConnectionError('STREAM_CLOSED', sentence);
    }
    if (!this.#streams.isRemote(streamId)) {
      const sentence = `expected a stream of the peer's, got stream ${streamId}`;
      throw new ConnectionError('PROTOCOL_ERROR', sentence);
    }
    this.#streams.noteRemoteId(streamId);
    this.#effects.opened(block);
  }

  /** Deprecated, and ignored when it makes sense (section 6.3). */
  #priority(streamId: number, payload: Buffer): void {
    this.#requireStream('PRIORITY', streamId);
    this.#requireLength('PRIORITY', payload, 5);
    if ((payload.readUInt32BE(0) & MAX_STREAM_ID) === streamId) throw selfDependency(streamId);
    this.#spend('PRIORITY frames');
  }

  #reset(streamId: number, payload: Buffer): void {
    this.#requireStream('RST_STREAM', streamId);
    this.#requireLength('RST_STREAM', payload, 4);
    this.#spend('RST_STREAM frames');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#streams.stateOf(streamId) === 'idle') this.#absent('RST_STREAM', streamId);
      return;
    }
    stream.peerReset(payload.readUInt32BE(0));
  }

  #settings(flags: number, streamId: number, payload: Buffer): void {
    this.#requireConnection('SETTINGS', streamId);
    this.#spend('SETTINGS frames');
    if ((flags & FLAG.ACK) !== 0) return this.#requireLength('an acknowledgement', payload, 0);
    this.#effects.settings(payload);
  }

  #ping(flags: number, streamId: number, payload: Buffer): void {
    this.#requireConnection('PING', streamId);
    this.#requireLength('PING', payload, 8);
    this.#spend('PING frames');
    if ((flags & FLAG.ACK) !== 0) this.#effects.pong();
    else this.#effects.ping(payload);
  }

  #goaway(streamId: number, payload: Buffer): void {
    this.#requireConnection('GOAWAY', streamId);
    if (payload.length < 8) this.#requireLength('GOAWAY', payload, 8);
    this.#spend('GOAWAY frames');
    this.#effects.goaway(payload.readUInt32BE(0) & MAX_STREAM_ID, payload.readUInt32BE(4));
  }

  #windowUpdate(streamId: number, payload: Buffer): void {
    this.#requireLength('WINDOW_UPDATE', payload, 4);
    this.#spend('WINDOW_UPDATE frames');
    const increment = payload.readUInt32BE(0) & MAX_STREAM_ID;
    if (streamId === 0) {
      if (increment === 0) {
        throw new ConnectionError('PROTOCOL_ERROR', 'expected a larger window, got one of 0 more');
      }
      return this.#effects.windowOpened(increment);
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#streams.stateOf(streamId) === 'idle') this.#absent('WINDOW_UPDATE', streamId);
    } else if (increment === 0) {
      stream.break(ERROR_CODE.PROTOCOL_ERROR);
    } else if (!stream.openSendWindow(increment)) {
      stream.break(ERROR_CODE.FLOW_CONTROL_ERROR);
    }
  }

  #spend(what: string): void {
    if (this.#guard.spend()) return;
    throw new ConnectionError('ENHANCE_YOUR_CALM', `expected data between ${what}, got a flood`);
  }
}

function selfDependency(streamId: number): ConnectionError {
  const sentence = `expected another stream to depend on, got stream ${streamId} itself`;
  return new ConnectionError('PROTOCOL_ERROR', sentence);
}
