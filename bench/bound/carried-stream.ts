import type { Socket } from 'node:net';
import type { FrameWriter } from './frame-writer.ts';
import { CANCEL, DATA, END_STREAM, RST_STREAM, STREAM_WINDOW, WINDOW_UPDATE } from './http2.ts';

const NOTHING = Buffer.alloc(0);
/** More is on its way behind a chunk of this size: what comes in the same turn is written at once. */
const BULK_BYTES = 8 * 1024;

/** What a stream needs of the connection that it belongs to. */
export interface StreamCarrier {
  readonly writer: FrameWriter;
  /** What the other side still takes, of all streams together. */
  sendWindow: number;
  /** Calls `readOn` when something was written. */
  waitForRoom(stream: CarriedStream): void;
  forget(streamId: number): void;
}

/** A plaintext socket and the stream that carries it. */
export class CarriedStream {
  readonly #tunnel: StreamCarrier;
  readonly #id: number;
  #socket: Socket | undefined;
  /** What the other side still takes. */
  #sendWindow = STREAM_WINDOW;
  /** What was read and the window had no room for; nothing more is read meanwhile. */
  #pending: Buffer | undefined;
  #isReadOut = false;
  #hasSentEnd = false;
  #hasReceivedEnd = false;
  #isOver = false;
  /** Received bytes that the other side has not been told of as taken. */
  #uncredited = 0;

  constructor(tunnel: StreamCarrier, id: number) {
    this.#tunnel = tunnel;
    this.#id = id;
  }

  /** Joins the socket. The caller passes what it reads to `send`. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('end', () => this.#readOut());
    socket.on('drain', () => this.#credit());
    // Always followed by its close.
    socket.on('error', () => undefined);
    socket.on('close', (hadError) => this.#closed(hadError));
  }

  /** Takes what the socket has read. The bytes are copied. */
  send(bytes: Buffer, length: number): void {
    if (this.#isOver) return;
    const sent = this.#sendUpTo(bytes, length);
    if (sent < length) {
      this.#pending = Buffer.from(bytes.subarray(sent, length));
      this.#socket?.pause();
    } else if (this.#tunnel.writer.isFull) {
      this.#socket?.pause();
      this.#tunnel.waitForRoom(this);
    }
  }

  /** Reads on after `waitForRoom`. */
  readOn(): void {
    if (this.#pending === undefined && !this.#isReadOut && !this.#isOver) this.#socket?.resume();
  }

  /** The other side takes more of this stream. */
  widen(bytes: number): void {
    this.#sendWindow += bytes;
    this.sendPending();
  }

  /** Sends what waited for a window, as far as there is room now. */
  sendPending(): void {
    const pending = this.#pending;
    if (pending === undefined || this.#isOver) return;
    const sent = this.#sendUpTo(pending, pending.length);
    if (sent < pending.length) {
      this.#pending = pending.subarray(sent);
      return;
    }
    this.#pending = undefined;
    if (this.#isReadOut) this.#sendEnd();
    else if (this.#tunnel.writer.isFull) this.#tunnel.waitForRoom(this);
    else this.#socket?.resume();
  }

  /** Takes what the tunnel has received. */
  receive(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined || this.#isOver) return;
    this.#uncredited += bytes.length;
    if (bytes.length >= BULK_BYTES && socket.writableCorked === 0) {
      socket.cork();
      setImmediate(this.#uncork);
    }
    socket.write(bytes);
    this.#credit();
  }

  /** The other side sends nothing more. */
  receiveEnd(): void {
    this.#hasReceivedEnd = true;
    this.#socket?.end();
  }

  /** The other side gave the stream up, or the tunnel is gone. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tunnel.forget(this.#id);
    this.#socket?.resetAndDestroy();
  }

  readonly #uncork = (): void => {
    this.#socket?.uncork();
    this.#credit();
  };

  #sendUpTo(bytes: Buffer, length: number): number {
    const tunnel = this.#tunnel;
    const sent = Math.min(length, this.#sendWindow, tunnel.sendWindow);
    if (sent <= 0) return 0;
    this.#sendWindow -= sent;
    tunnel.sendWindow -= sent;
    tunnel.writer.data(this.#id, bytes, 0, sent);
    return sent;
  }

  #readOut(): void {
    this.#isReadOut = true;
    if (this.#pending === undefined && !this.#isOver) this.#sendEnd();
  }

  #sendEnd(): void {
    this.#hasSentEnd = true;
    this.#tunnel.writer.frame(DATA, END_STREAM, this.#id, NOTHING);
    if (this.#socket?.closed === true) this.#closed(false);
  }

  /** What left the socket's queue is taken. Half a window at a time: the other side never waits for the rest. */
  #credit(): void {
    if (this.#hasReceivedEnd || this.#isOver) return;
    const taken = this.#uncredited - (this.#socket?.writableLength ?? 0);
    if (taken < STREAM_WINDOW / 2) return;
    this.#uncredited -= taken;
    this.#tunnel.writer.number(WINDOW_UPDATE, this.#id, taken);
  }

  #closed(hadError: boolean): void {
    if (this.#isOver) return;
    // It closes by itself once both directions have ended. What was read may still wait for a window: then its end does this.
    const waits = this.#isReadOut && this.#hasReceivedEnd && this.#pending !== undefined;
    if (waits && !hadError) return;
    this.#isOver = true;
    this.#tunnel.forget(this.#id);
    if (this.#hasSentEnd && this.#hasReceivedEnd) return;
    this.#tunnel.writer.number(RST_STREAM, this.#id, CANCEL);
  }
}
