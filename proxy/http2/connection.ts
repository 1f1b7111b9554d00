import type { MonotonicClock } from '../../common/clock.ts';
import { callEach } from '../../common/listeners.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameReader } from './frame-reader.ts';
import { greet, PrefaceReader } from './greeting.ts';
import { ConnectBlocks, statusBlock } from './head-encoding.ts';
import { encodeHeaders, NO_TABLE } from './hpack/encoder.ts';
import type { HeaderField } from './hpack/static-table.ts';
import { ConnectionError, windowTooLarge } from './http2-error.ts';
import { type FrameEffects, IncomingFrames } from './incoming-frames.ts';
import type { HeaderBlock } from './header-blocks.ts';
import { Linger } from './linger.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { Outbox } from './outbox.ts';
import { DEFAULT_WINDOW_BYTES, ERROR_CODE, MAX_STREAM_ID, MAX_WINDOW_BYTES } from './protocol.ts';
import { ConnectionWindow } from './receive-window.ts';
import { applySettings, INITIAL_PEER_SETTINGS, type PeerSettings } from './settings.ts';
import { StreamTable } from './stream-table.ts';
import { Http2Stream } from './stream.ts';
import type { HostedStream, StreamHost } from './stream-host.ts';
import type { StreamObserver } from './stream-observer.ts';
import type { Transport } from './transport/transport.ts';
import { UnreadBytes } from './unread-bytes.ts';

/** Hears what happens to a connection. */
export interface ConnectionHandler {
  /** The peer has opened a stream with a request, whose fields are not judged yet. */
  request(connection: Http2Connection, stream: Http2Stream, fields: readonly HeaderField[]): void;
  /** The same, with more fields than are taken; where the limits do not end the connection for that. */
  oversizedRequest?(connection: Http2Connection, stream: Http2Stream): void;
  /** The peer's SETTINGS have come; with the first it speaks HTTP/2, and has accepted us. */
  settings(isFirst: boolean): void;
  /** The peer will take no new streams (RFC 9113 section 6.8). */
  goaway(code: number): void;
  /** A stream is no longer open. */
  streamClosed(): void;
  /** The connection is gone, and its streams are lost. `error` says why, unless the peer ended it. */
  closed(error: Error | undefined): void;
}

/** What a connection is made of. */
export interface ConnectionOptions {
  readonly role: 'client' | 'server';
  /** Bytes to and from the peer; nothing was read from it yet. */
  readonly transport: Transport;
  readonly handler: ConnectionHandler;
  readonly limits: ConnectionLimits;
  readonly budget: MemoryBudget;
  /** On whose account bytes wait: the identity of the peer. */
  readonly owner?: string;
  readonly clock: MonotonicClock;
}

const NOTHING = Buffer.alloc(8);

/**
 * One end of an HTTP/2 connection (RFC 9113), written for moving bytes: no Node.js stream for each of its streams,
 * frames are not put together, and everything of one turn of the event loop leaves in one write. It knows what
 * streams are, and nothing of what requests mean.
 */
export class Http2Connection implements StreamHost {
  readonly outbox: Outbox;
  readonly budget: MemoryBudget;
  readonly owner: string;
  readonly clock: MonotonicClock;
  /** How often something has come. */
  reads = 0;
  readonly #options: ConnectionOptions;
  readonly #streams: StreamTable;
  readonly #reader: FrameReader;
  readonly #guard: FloodGuard;
  readonly #receiveWindow: ConnectionWindow;
  readonly #requests = new ConnectBlocks();
  readonly #preface: PrefaceReader;
  #peer = INITIAL_PEER_SETTINGS;
  #hasSettings = false;
  #hasSentHeaders = false;
  #sendWindowBytes = DEFAULT_WINDOW_BYTES;
  /** Wait in memory for readers of all streams. */
  #heldBytes = 0;
  #pings: (() => void)[] = [];
  /** What our GOAWAY has said: streams above it are refused. */
  #lastServedId = MAX_STREAM_ID;
  #error: Error | undefined;
  #state: 'open' | 'ending' | 'closed' = 'open';
  readonly #linger: Linger;

  constructor(options: ConnectionOptions) {
    const { role, transport, limits, clock } = options;
    this.#options = options;
    this.budget = options.budget;
    this.owner = options.owner ?? '';
    this.clock = clock;
    this.#streams = new StreamTable(role);
    this.#guard = new FloodGuard(clock, limits.flood);
    this.#receiveWindow = new ConnectionWindow(limits.connectionWindowBytes);
    this.outbox = new Outbox({
      transport,
      // Who dials decides how many connections there are; who accepts does not.
      ...(role === 'server' && { unread: new UnreadBytes(this.budget, this.owner, this.#shed) }),
      mayServe: () => this.#sendWindowBytes > 0,
      isSmall: limits.sendsLittle === true,
      onOverflow: () => this.#fail(new ConnectionError('ENHANCE_YOUR_CALM', UNREAD_SENTENCE)),
    });
    const frames = new IncomingFrames({
      streams: this.#streams,
      effects: this.#effects,
      guard: this.#guard,
      headerLimits: limits.headers,
    });
    this.#reader = new FrameReader(frames, limits.frames);
    this.#preface = new PrefaceReader(role);
    this.#linger = new Linger(transport, clock, limits.connectionWindowBytes);
    transport.open({ received: this.#read, closed: this.#onClose });
    greet(this.outbox.frames, role, limits);
    this.#refillWindow();
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** What the peer has asked of us; the defaults until its SETTINGS have come. */
  get peer(): PeerSettings {
    return this.#peer;
  }

  /** Why it was ended, or has broken; undefined while it is open, and when nothing was wrong. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** True from the moment on when it carries nothing any more. */
  get isClosed(): boolean {
    return this.#state !== 'open';
  }

  /**
   * Opens a stream with CONNECT (RFC 9113 section 8.5); undefined when the connection is closed, or
   * has used up its stream ids.
   */
  connect(authority: string, observer: StreamObserver): Http2Stream | undefined {
    const stream = this.#openStream(observer);
    if (stream !== undefined) this.#sendBlock(stream, this.#requests.blockOf(authority), false);
    return stream;
  }

  /** Opens a stream with any request, as `connect` does. */
  request(
    fields: readonly HeaderField[],
    endStream: boolean,
    observer: StreamObserver,
  ): Http2Stream | undefined {
    const stream = this.#openStream(observer);
    stream?.sendHead(fields, endStream);
    return stream;
  }

  /** Answers a request, with nothing but a status; `endStream` when that is all. */
  respond(stream: Http2Stream, status: number, endStream: boolean): void {
    if (stream.isClosed) return;
    this.#sendBlock(stream, statusBlock(status), endStream);
    if (!endStream) return;
    // The peer may have said nothing yet, and has no need to (RFC 9113 section 8.1).
    if (stream.remoteEnded) stream.terminate({ kind: 'ended' });
    // Also of one that has ended: what came with the request will not be read.
    stream.reset(ERROR_CODE.NO_ERROR);
  }

  /** Resets a stream whose request is not served; throws ConnectionError when there were too many of them. */
  refuse(stream: Http2Stream, code: number): void {
    this.spend('frames of open streams', 'others');
    stream.reset(code);
  }

  /** Counts what made us work and carried nothing; throws ConnectionError when it is a flood. */
  spend(expected: string, got: string): void {
    if (this.#guard.spend()) return;
    throw new ConnectionError('ENHANCE_YOUR_CALM', `expected ${expected}, got a flood of ${got}`);
  }

  /** Calls back when the peer has answered a PING; never, when it does not. */
  ping(answered: () => void): void {
    this.#pings.push(answered);
    this.outbox.frames.ping(NOTHING, false);
  }

  /**
   * Announces the end (RFC 9113 section 6.8): with `everything` the peer should open no more streams,
   * and those that it has opened meanwhile are served; without, no stream that is not here already.
   */
  goaway(served: 'everything' | 'what-is-here', code: number = ERROR_CODE.NO_ERROR): void {
    if (this.isClosed) return;
    this.#lastServedId = served === 'everything' ? MAX_STREAM_ID : this.#streams.lastRemoteId;
    this.outbox.frames.goaway(this.#lastServedId, code);
  }

  /** Ends a connection that carries nothing: GOAWAY, FIN. */
  end(): void {
    this.#end(ERROR_CODE.NO_ERROR);
  }

  /** Ends it at once; open streams are lost. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
    this.#loseStreams(() => this.#options.transport.destroy());
  }

  transmit(stream: HostedStream, chunk: Buffer, maxBytes: number): number {
    const allowed = Math.min(maxBytes, stream.sendWindowBytes, this.#sendWindowBytes);
    if (allowed <= 0) return 0;
    const { frames } = this.outbox;
    for (let from = 0; from < allowed;) {
      const to = Math.min(allowed, from + this.#peer.maxFrameBytes);
      frames.data(stream.id, chunk, from, to);
      this.#guard.sent(to - from, to < chunk.length);
      from = to;
    }
    stream.sendWindowBytes -= allowed;
    this.#sendWindowBytes -= allowed;
    return allowed;
  }

  sendFields(stream: HostedStream, fields: readonly HeaderField[], endStream: boolean): void {
    this.#guard.earn(0);
    this.#sendBlock(stream, encodeHeaders(fields), endStream);
  }

  held(bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes < 0 && this.#options.limits.opensWindowWhenRead === true) this.#refillWindow();
  }

  closed(stream: HostedStream, byReset: boolean): void {
    this.#streams.remove(stream.id, byReset);
    this.#options.handler.streamClosed();
  }

  #openStream(observer: StreamObserver): Http2Stream | undefined {
    const id = this.isClosed ? undefined : this.#streams.takeLocalId();
    return id === undefined ? undefined : this.#addStream(id, observer);
  }

  #sendBlock(stream: HostedStream, block: Buffer, endStream: boolean): void {
    // The first block of all gives up the table.
    const inOrder = this.#hasSentHeaders ? block : Buffer.concat([NO_TABLE, block]);
    this.#hasSentHeaders = true;
    this.outbox.frames.headers(stream.id, inOrder, endStream, this.#peer.maxFrameBytes);
  }

  #refillWindow(): void {
    if (this.isClosed) return;
    const { opensWindowWhenRead } = this.#options.limits;
    const held = opensWindowWhenRead === true ? this.#heldBytes + this.#reader.pendingBytes : 0;
    const increment = this.#receiveWindow.refill(held);
    if (increment > 0) this.outbox.frames.windowUpdate(0, increment);
  }

  readonly #read = (chunk: Buffer): void => {
    if (this.isClosed) return this.#linger.discard(chunk.length);
    this.reads += 1;
    try {
      const rest = this.#preface.isRead ? chunk : this.#preface.read(chunk);
      if (rest.length > 0) this.#reader.read(rest);
      if (this.#options.limits.opensWindowWhenRead === true) this.#refillWindow();
      this.outbox.serve();
    } catch (error) {
      // A mistake of ours must not be the end of the other connections.
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  };

  readonly #effects: FrameEffects = {
    receive: (payloadBytes) => {
      if (!this.#receiveWindow.receive(payloadBytes)) {
        const sentence = 'expected DATA within the window of the connection, got more';
        throw new ConnectionError('FLOW_CONTROL_ERROR', sentence);
      }
      if (this.#options.limits.opensWindowWhenRead !== true) this.#refillWindow();
    },
    opened: (block) => this.#opened(block),
    settings: (payload) => this.#settings(payload),
    ping: (opaque) => this.outbox.frames.ping(opaque, true),
    pong: () => this.#pings.shift()?.(),
    goaway: (lastStreamId, code) => {
      // First, so that what is refused is not tried here again.
      this.#options.handler.goaway(code);
      for (const stream of this.#streams.all()) {
        const isUnseen = stream.id > lastStreamId && !this.#streams.isRemote(stream.id);
        if (isUnseen) stream.terminate({ kind: 'reset', code: ERROR_CODE.REFUSED_STREAM });
      }
    },
    windowOpened: (bytes) => {
      this.#sendWindowBytes += bytes;
      if (this.#sendWindowBytes > MAX_WINDOW_BYTES) throw windowTooLarge();
    },
    refuseFrame: (streamId) => this.#refuseId(streamId, ERROR_CODE.STREAM_CLOSED),
  };

  #opened({ streamId, fields, endStream, isCut }: HeaderBlock): void {
    if (this.isClosed) return;
    const { role, limits, handler } = this.#options;
    if (role === 'client') {
      const sentence = `expected no stream that a server opens, got stream ${streamId}`;
      throw new ConnectionError('PROTOCOL_ERROR', sentence);
    }
    if (streamId > this.#lastServedId || this.#streams.size >= limits.maxConcurrentStreams) {
      return this.#refuseId(streamId, ERROR_CODE.REFUSED_STREAM);
    }
    const stream = this.#addStream(streamId);
    // First, so that an answer that ends the stream ends it well.
    if (endStream) stream.remoteEnd();
    if (isCut) handler.oversizedRequest?.(this, stream);
    else handler.request(this, stream, fields);
  }

  #settings(payload: Buffer): void {
    const { role, handler } = this.#options;
    const before = this.#peer.initialWindowBytes;
    this.#peer = applySettings(this.#peer, payload, role === 'client' ? 'server' : 'client');
    this.outbox.frames.settingsAck();
    const change = this.#peer.initialWindowBytes - before;
    if (change !== 0) {
      // RFC 9113 section 6.9.2: it changes the windows of open streams too, below zero if need be.
      for (const stream of this.#streams.all()) {
        if (!stream.openSendWindow(change)) throw windowTooLarge();
      }
    }
    const isFirst = !this.#hasSettings;
    this.#hasSettings = true;
    handler.settings(isFirst);
  }

  #addStream(id: number, observer?: StreamObserver): Http2Stream {
    const stream = new Http2Stream({
      id,
      host: this,
      observer,
      sendWindowBytes: this.#peer.initialWindowBytes,
      maxReceiveWindowBytes: this.#options.limits.maxStreamWindowBytes,
      hasHead: this.#streams.isRemote(id),
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Answers frames of a stream that is not open, and ignores those that follow. */
  #refuseId(streamId: number, code: number): void {
    this.spend('frames of open streams', 'others');
    this.outbox.frames.reset(streamId, code);
    this.#streams.rememberReset(streamId);
  }

  #fail(error: Error): void {
    if (this.isClosed) return;
    this.#error = error;
    this.#end(error instanceof ConnectionError ? error.number : ERROR_CODE.INTERNAL_ERROR);
  }

  #end(code: number): void {
    if (this.isClosed) return;
    // First of all: what follows may find that too much waits, which ends it too.
    this.#state = 'ending';
    this.#lastServedId = this.#streams.lastRemoteId;
    this.outbox.frames.goaway(this.#lastServedId, code);
    this.#loseStreams(() => {
      this.outbox.end();
      this.#linger.begin();
    });
  }

  /** Throws what a receiver throws, when all were told and the rest is done. */
  #loseStreams(rest: () => void): void {
    const lose = this.#streams.all().map((one) => () => one.terminate({ kind: 'lost' }));
    callEach([...lose, rest], (act) => act());
  }

  /** What waits for the peer is needed elsewhere, and it has read nothing for the longest time. */
  readonly #shed = (): void => {
    this.#error ??= new Error(SHED_SENTENCE);
    this.destroy();
  };

  readonly #onClose = (error: Error | undefined): void => {
    if (this.#state === 'closed') return;
    this.outbox.release();
    // What breaks while it ends is not why it ended.
    if (this.#state === 'open') this.#error ??= error;
    this.#state = 'closed';
    this.#linger.cancel();
    this.#pings = [];
    this.#loseStreams(() => this.#options.handler.closed(this.#error));
  };
}

const SHED_SENTENCE = 'expected a peer that reads, got one whose memory was needed elsewhere';
const UNREAD_SENTENCE = 'expected a peer that reads its answers, got one that asks for more';
