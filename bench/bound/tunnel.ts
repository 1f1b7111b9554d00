import type { TLSSocket } from 'node:tls';
import { BenchError } from '../bench-error.ts';
import { CarriedStream, type StreamCarrier } from './carried-stream.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  ACK,
  CONNECTION_WINDOW,
  END_HEADERS,
  END_STREAM,
  FIRST_CONNECTION_WINDOW,
  HEADERS,
  RST_STREAM,
  SETTINGS,
  SETTINGS_PAYLOAD,
  WINDOW_UPDATE,
} from './http2.ts';

const NOTHING = Buffer.alloc(0);
/** So much is received before the other side is told: a window of 2 GiB is never short. */
const CREDIT_BYTES = 256 * 1024 * 1024;

/** What a side does where the two differ. */
export interface TunnelEnd {
  /** The other side has said how it wants to be spoken to: streams may begin. */
  ready(): void;
  /** A header block of a stream that is known here, or of a new one. @throws BenchError `tunnel-failed` */
  headers(streamId: number, block: Buffer, isKnown: boolean): void;
  /** The connection is gone, and all streams are aborted. */
  closed(): void;
}

/** One end of a connection of HTTP/2 that carries plaintext connections as streams. */
export class Tunnel implements StreamCarrier {
  readonly writer: FrameWriter;
  sendWindow = FIRST_CONNECTION_WINDOW;
  readonly #streams = new Map<number, CarriedStream>();
  readonly #reader = new FrameReader({
    data: (streamId, bytes) => this.#data(streamId, bytes),
    dataEnded: (streamId, flags) => {
      if ((flags & END_STREAM) !== 0) this.#streams.get(streamId)?.receiveEnd();
    },
    frame: (type, flags, streamId, payload) => this.#frame(type, flags, streamId, payload),
  });
  readonly #end: TunnelEnd;
  #waiting: CarriedStream[] = [];
  #received = 0;
  #isReady = false;

  /**
   * @param sent what this side sends before its first frame
   * @param expected what the other side sends before its first frame
   */
  constructor(socket: TLSSocket, end: TunnelEnd, sent: Buffer, expected: Buffer) {
    this.#end = end;
    this.writer = new FrameWriter(socket, () => this.#written());
    socket.setNoDelay(true);
    socket.on(
      'data',
      afterPreface(expected, (bytes) => this.#reader.read(bytes)),
    );
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const stream of this.#streams.values()) stream.abort();
      end.closed();
    });
    this.writer.raw(sent);
    this.writer.frame(SETTINGS, 0, 0, SETTINGS_PAYLOAD);
    this.writer.number(WINDOW_UPDATE, 0, CONNECTION_WINDOW - FIRST_CONNECTION_WINDOW);
  }

  /** Begins a stream here, with a header block. */
  open(streamId: number, block: Buffer): CarriedStream {
    const stream = new CarriedStream(this, streamId);
    this.#streams.set(streamId, stream);
    this.writer.frame(HEADERS, END_HEADERS, streamId, block);
    return stream;
  }

  forget(streamId: number): void {
    this.#streams.delete(streamId);
  }

  waitForRoom(stream: CarriedStream): void {
    this.#waiting.push(stream);
  }

  #written(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const stream of waiting) stream.readOn();
  }

  /** The connection's window counts what came, not what was read: only a stream's own reader holds it back. */
  #data(streamId: number, bytes: Buffer): void {
    this.#received += bytes.length;
    if (this.#received >= CREDIT_BYTES) {
      this.writer.number(WINDOW_UPDATE, 0, this.#received);
      this.#received = 0;
    }
    this.#streams.get(streamId)?.receive(bytes);
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case HEADERS:
        this.#end.headers(streamId, payload, this.#streams.has(streamId));
        return;
      case RST_STREAM:
        this.#streams.get(streamId)?.abort();
        return;
      case WINDOW_UPDATE:
        this.#widen(streamId, payload.readUInt32BE());
        return;
      case SETTINGS:
        if ((flags & ACK) === 0) this.#settings(payload);
        return;
      default:
        throw unexpected('a frame that this engine sends', `one of type ${type}`);
    }
  }

  #widen(streamId: number, bytes: number): void {
    if (streamId !== 0) {
      this.#streams.get(streamId)?.widen(bytes);
      return;
    }
    this.sendWindow += bytes;
    for (const stream of this.#streams.values()) stream.sendPending();
  }

  /** They are the same on both sides, and come once, before the first stream: no window has to be changed by them. */
  #settings(payload: Buffer): void {
    if (this.#isReady || !payload.equals(SETTINGS_PAYLOAD)) {
      throw unexpected('the settings of this engine, once', payload.toString('hex'));
    }
    this.#isReady = true;
    this.writer.frame(SETTINGS, ACK, 0, NOTHING);
    this.#end.ready();
  }
}

/** The sentence for a peer that is not this engine. */
export function unexpected(expected: string, got: string): BenchError {
  return new BenchError('tunnel-failed', `expected ${expected} on the tunnel, got ${got}`, {
    hint: 'let both sides of a pair be processes of bench/bound',
  });
}

/** Takes the preface off the beginning. @throws BenchError `tunnel-failed` */
function afterPreface(preface: Buffer, next: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let seen = 0;
  return (bytes) => {
    if (seen === preface.length) {
      next(bytes);
      return;
    }
    const many = Math.min(preface.length - seen, bytes.length);
    if (!bytes.subarray(0, many).equals(preface.subarray(seen, seen + many))) {
      throw unexpected('the preface of HTTP/2', bytes.subarray(0, many).toString('latin1'));
    }
    seen += many;
    if (bytes.length > many) next(bytes.subarray(many));
  };
}
