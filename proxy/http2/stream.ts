import type { ByteStream } from '../stream/byte-stream.ts';
import { AnnouncedContent } from './announced-content.ts';
import type { HeaderField } from './hpack/static-table.ts';
import type { Holder, Holding } from './holding-list.ts';
import type { Sender } from './outbox.ts';
import { ERROR_CODE, MAX_WINDOW_BYTES } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { StreamHost, StreamOptions } from './stream-host.ts';
import { WaitingBytes } from './waiting-bytes.ts';
import {
  closeOf,
  type MessageReceiver,
  type StreamEnd,
  type StreamObserver,
} from './stream-observer.ts';

/** A chunk of this size is part of something larger. */
const BULK_CHUNK_BYTES = 8 * 1024;

/**
 * One stream of a connection (RFC 9113 section 5.1). Bytes go from the frame to the receiver, and from the
 * sender into the frame, in one call.
 *
 *     open ──end()──> half-closed (local) ──END_STREAM──> closed
 *       ├─END_STREAM─> half-closed (remote) ───end()──────^
 *       └──reset(), RST_STREAM, shed, connection lost─────^
 */
export class Http2Stream implements ByteStream, Sender, Holder {
  readonly id: number;
  /** What the peer allows us to send; below zero after it has shrunk its windows. */
  sendWindowBytes: number;
  holding: Holding | undefined;
  readonly #host: StreamHost;
  #observer: StreamObserver | undefined;
  readonly #window: ReceiveWindow;
  #receiver: MessageReceiver | undefined;
  /** What comes is handed over. */
  #isStarted = false;
  /** Came before it was started. */
  #early: WaitingBytes | undefined;
  /** Read by us, and not sent yet: the peer's window or the outbox is full. */
  #unsent: WaitingBytes | undefined;
  /** Written, and not reported as such yet. */
  #unreportedBytes = 0;
  /** Received bytes that were not consumed yet. */
  #unreadBytes = 0;
  /** Memory that the receiver holds for them, beyond what they are. */
  #spareBytes = 0;
  #hasHead: boolean;
  #localEnd: 'open' | 'wanted' | 'sent' = 'open';
  /** Go behind what is unsent. */
  #trailers: readonly HeaderField[] | undefined;
  #remoteEnded = false;
  /** The receiver knows, or is not to know, that the peer has ended. */
  #endIsTold = false;
  #closeIsTold = false;
  #remoteTrailers: readonly HeaderField[] | undefined;
  #content: AnnouncedContent | undefined;
  /** What the peer still sends is of no use. */
  #readsNoMore = false;
  #isClosed = false;
  #closedAs: StreamEnd | undefined;
  /** False when nothing of it waits for a reader any more. */
  #isHolding = true;

  constructor(options: StreamOptions) {
    this.id = options.id;
    this.sendWindowBytes = options.sendWindowBytes;
    this.#host = options.host;
    this.#observer = options.observer;
    this.#hasHead = options.hasHead;
    this.#window = new ReceiveWindow(options.maxReceiveWindowBytes);
  }

  get owner(): string {
    return this.#host.owner;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How it ended; undefined while it is open, and when we have reset it. */
  get closedAs(): StreamEnd | undefined {
    return this.#closedAs;
  }

  /** True when it is closed, and everything that the peer wanted to say has come. */
  get hasAllOfPeer(): boolean {
    return this.#closedAs?.kind === 'ended' || this.#closedAs?.kind === 'unread';
  }

  /** True when what is sent would wait: the peer does not read, or others are before it. */
  get isFull(): boolean {
    return this.#unsent !== undefined || this.#host.outbox.isFull;
  }

  /** True when the peer has ended its direction. */
  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** Sets who hears of it until a receiver is attached. */
  observe(observer: StreamObserver): void {
    this.#observer = observer;
  }

  /** The head was all of the peer's message: the receiver is not told of its end. */
  headIsAll(): void {
    this.#endIsTold = true;
  }

  /** Takes the peer's message as ended: what still comes is of no use, and our end is the end of the stream. */
  ignoreRest(): void {
    this.#readsNoMore = true;
    if (this.#receiver !== undefined) this.#tellEnd(this.#receiver);
  }

  /** Says how long the peer's message is (RFC 9113 section 8.1.1): less or more breaks the stream. */
  expectContent(bytes: number): void {
    this.#content = new AnnouncedContent(bytes);
  }

  attach(receiver: MessageReceiver): void {
    this.#receiver = receiver;
    // It waited for an answer, and has nothing to hear while the connection lives.
    this.#observer = undefined;
  }

  start(): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#closeIsTold) return;
    this.#isStarted = true;
    if (this.#isClosed && !this.hasAllOfPeer) {
      return receiver.closed(closeOf(this.#closedAs ?? { kind: 'lost' }));
    }
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) receiver.data(early.bytes, false, true);
    if (this.#remoteEnded) this.#tellEnd(receiver);
    if (this.#closedAs !== undefined) receiver.closed(closeOf(this.#closedAs));
  }

  detach(): void {
    this.#isStarted = false;
    this.#receiver = undefined;
  }

  /** Sends header fields: an interim response, or the head of our message. */
  sendHead(fields: readonly HeaderField[], endStream: boolean): void {
    if (this.#isClosed || this.#localEnd !== 'open') return;
    this.#host.sendFields(this, fields, endStream);
    if (!endStream) return;
    this.#localEnd = 'sent';
    this.#closeWhenEnded();
  }

  write(chunk: Buffer, _more = false, isOwned = false): boolean {
    if (this.#isClosed || this.#localEnd !== 'open') return false;
    const { outbox } = this.#host;
    // Never past what waits already.
    const mustWait = outbox.isFull || this.#unsent !== undefined;
    const sent = mustWait ? 0 : this.#host.transmit(this, chunk, chunk.length);
    if (sent === chunk.length && !outbox.isFull) {
      this.#receiver?.written(sent);
      return true;
    }
    this.#unreportedBytes += chunk.length;
    if (sent < chunk.length) {
      this.#unsent ??= new WaitingBytes();
      this.#unsent.append(sent === 0 ? chunk : chunk.subarray(sent), isOwned);
      this.#account();
    }
    if (sent === chunk.length || this.sendWindowBytes > 0) outbox.wait(this);
    return false;
  }

  /** Ends our message, with trailers behind it (RFC 9113 section 8.1). */
  end(trailers?: readonly HeaderField[]): void {
    if (this.#isClosed || this.#localEnd !== 'open') return;
    this.#localEnd = 'wanted';
    this.#trailers = trailers;
    if (this.#unsent === undefined) this.#sendEnd();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#readsNoMore = true;
    if (this.#localEnd === 'sent') this.#closeUnread();
    else this.end();
  }

  /**
   * Gives the stream up (RFC 9113 section 6.4), and what was received and not consumed. The receiver
   * hears nothing of it.
   *
   * @param code by default what says that the connection behind the stream broke (section 8.5). ztunnel reads
   *   CANCEL as an orderly end
   */
  reset(code: number = ERROR_CODE.CONNECT_ERROR): void {
    if (this.#isClosed) return this.#release();
    this.#host.outbox.frames.reset(this.id, code);
    this.#close(undefined, true);
  }

  /** Resets a stream whose peer broke its rules, and tells the receiver. */
  break(code: number, sentence?: string): void {
    if (this.#isClosed) return;
    this.#host.outbox.frames.reset(this.id, code);
    this.terminate({ kind: 'broken', code, ...(sentence === undefined ? {} : { sentence }) });
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#isHolding) this.#host.held(-bytes);
    this.#account();
    this.#credit(bytes);
  }

  holdSpare(bytes: number): void {
    this.#spareBytes = bytes;
    this.#account();
  }

  // What follows is called by the connection.

  /** Counts a DATA frame; false when it is more than the window allows. */
  receive(bytes: number): boolean {
    return this.#window.receive(bytes);
  }

  /** Padding is consumed as it comes (RFC 9113 section 6.1). */
  padding(bytes: number): void {
    this.#credit(bytes);
  }

  data(chunk: Buffer, more: boolean): void {
    const wrong = this.#content?.came(chunk.length);
    if (wrong !== undefined) return this.break(ERROR_CODE.PROTOCOL_ERROR, wrong);
    if (this.#readsNoMore) return this.#credit(chunk.length);
    this.#unreadBytes += chunk.length;
    this.#host.held(chunk.length);
    if (!this.#isStarted) {
      this.#early ??= new WaitingBytes();
      this.#early.append(chunk, false);
    } else this.#receiver?.data(chunk, more || chunk.length >= BULK_CHUNK_BYTES, false);
    this.#account();
  }

  headers(fields: readonly HeaderField[], endStream: boolean): void {
    if (this.#observer?.headers(fields, endStream) === true) this.#hasHead = true;
  }

  /** True when the peer's header fields have come, the request or the answer to ours: DATA may follow. */
  get hasHead(): boolean {
    return this.#hasHead;
  }

  /** Header fields behind the head: the trailers, which end the message (RFC 9113 section 8.1). */
  trailers(fields: readonly HeaderField[], endStream: boolean): void {
    const observer = this.#observer;
    // In a CONNECT only DATA may follow (section 8.5): no trailers.
    if (observer?.trailers === undefined || !endStream || !observer.trailers(fields)) {
      return this.break(
        ERROR_CODE.PROTOCOL_ERROR,
        'expected trailers that end the message, got others',
      );
    }
    this.#remoteTrailers = fields;
    this.remoteEnd();
  }

  remoteEnd(): void {
    const wrong = this.#content?.ended();
    if (wrong !== undefined) return this.break(ERROR_CODE.PROTOCOL_ERROR, wrong);
    this.#remoteEnded = true;
    if (this.#isStarted && this.#receiver !== undefined) this.#tellEnd(this.#receiver);
    this.#closeWhenEnded();
  }

  #tellEnd(receiver: MessageReceiver): void {
    if (this.#endIsTold) return;
    this.#endIsTold = true;
    receiver.end(this.#remoteTrailers);
  }

  /** The peer has opened its window; false when it is beyond 2^31-1 (RFC 9113 section 6.9.1). */
  openSendWindow(bytes: number): boolean {
    this.sendWindowBytes += bytes;
    if (this.sendWindowBytes > MAX_WINDOW_BYTES) return false;
    if (this.#unsent !== undefined && this.sendWindowBytes > 0) this.#host.outbox.wait(this);
    return true;
  }

  sendSome(maxBytes: number): boolean {
    const unsent = this.#unsent;
    if (unsent === undefined) return this.#resume();
    unsent.taken(this.#host.transmit(this, unsent.bytes, Math.min(maxBytes, unsent.length)));
    if (unsent.length === 0) this.#unsent = undefined;
    this.#account();
    if (this.#unsent !== undefined) return this.sendWindowBytes > 0;
    if (this.#localEnd === 'wanted') this.#sendEnd();
    else if (this.#host.outbox.isFull) return true;
    else this.#resume();
    return false;
  }

  /** The peer has sent RST_STREAM. */
  peerReset(code: number): void {
    const hasGivenUp = this.#observer?.awaitsAnswer === true;
    const isUnread = code === ERROR_CODE.NO_ERROR && this.#remoteEnded && !hasGivenUp;
    this.terminate(isUnread ? { kind: 'unread' } : { kind: 'reset', code });
  }

  /** The peer, the connection or we have ended it for good. */
  terminate(end: StreamEnd): void {
    this.#close(end, end.kind === 'broken');
  }

  shed(): void {
    if (this.#isClosed) return;
    this.#host.outbox.frames.reset(this.id, ERROR_CODE.ENHANCE_YOUR_CALM);
    this.#close({ kind: 'shed' }, true);
  }

  /** Holds nothing any more. */
  #release(): void {
    this.#early = undefined;
    if (this.#isHolding) this.#host.held(-this.#unreadBytes);
    this.#isHolding = false;
    this.#host.budget.set(this, 0);
  }

  /** Tells the budget of a change: seldom, as most of what comes is read before the call returns. */
  #account(): void {
    if (!this.#isHolding) return;
    const bytes = this.#unreadBytes + this.#spareBytes + (this.#unsent?.length ?? 0);
    this.#host.budget.set(this, bytes);
  }

  #resume(): false {
    const bytes = this.#unreportedBytes;
    this.#unreportedBytes = 0;
    if (bytes > 0) this.#receiver?.written(bytes);
    return false;
  }

  #sendEnd(): void {
    this.#localEnd = 'sent';
    this.#resume();
    if (this.#trailers === undefined) this.#host.outbox.frames.endStream(this.id);
    else this.#host.sendFields(this, this.#trailers, true);
    this.#closeWhenEnded();
    if (this.#readsNoMore) this.#closeUnread();
  }

  /** All has been sent, and nothing will be read (RFC 9113 section 8.1). */
  #closeUnread(): void {
    if (this.#isClosed) return;
    this.#host.outbox.frames.reset(this.id, ERROR_CODE.NO_ERROR);
    this.#close({ kind: 'ended' }, true);
    this.#release();
  }

  #credit(bytes: number): void {
    if (this.#remoteEnded || this.#isClosed) return;
    if (!this.#window.read(bytes)) return;
    const { clock, budget, outbox } = this.#host;
    outbox.frames.windowUpdate(this.id, this.#window.increase(clock.monotonicMs(), budget.isRoomy));
  }

  #closeWhenEnded(): void {
    if (this.#remoteEnded && this.#localEnd === 'sent') this.#close({ kind: 'ended' }, false);
  }

  #close(end: StreamEnd | undefined, byReset: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closedAs = end;
    this.#unsent = undefined;
    this.#host.outbox.forget(this);
    const receiver = this.#receiver;
    // What a receiver has not written yet counts until it has, if it goes on writing.
    if (this.hasAllOfPeer && (this.#isStarted || receiver === undefined)) this.#account();
    else this.#release();
    this.#host.closed(this, byReset);
    if (end === undefined) return;
    this.#closeIsTold = receiver !== undefined;
    try {
      this.#observer?.ended(end);
    } finally {
      // Also of the one that was too much: what it holds elsewhere would stay for ever.
      receiver?.closed(closeOf(end));
    }
  }
}
