import type { Duplex } from 'node:stream';
import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameReader } from './frame-reader.ts';
import { ConnectBlocks, statusBlock } from './head-encoding.ts';
import { NO_TABLE } from './hpack/encoder.ts';
import { ConnectionError } from './http2-error.ts';
import { IncomingFrames } from './incoming-frames.ts';
import type { FrameEffects } from './incoming-frames.ts';
import type { HeaderBlock } from './header-blocks.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { readRequest } from './message-head.ts';
import { Outbox } from './outbox.ts';
import {
  CLIENT_PREFACE,
  DEFAULT_WINDOW_BYTES,
  ERROR_CODE,
  MAX_STREAM_ID,
  MAX_WINDOW_BYTES,
} from './protocol.ts';
import { ConnectionWindow } from './receive-window.ts';
import { applySettings, INITIAL_PEER_SETTINGS, SETTING } from './settings.ts';
import { StreamTable } from './stream-table.ts';
import { Http2Stream } from './stream.ts';
import type { StreamHost, StreamObserver } from './stream.ts';

/** Hears what happens to a connection. */
export interface ConnectionHandler {
  /** The peer asks a server for a tunnel, and waits for an answer. */
  connect(stream: Http2Stream, authority: string): void;
  /** The peer's first SETTINGS have come: it speaks HTTP/2, and has accepted us. */
  accepted(): void;
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
  /** Bytes to and from the peer, which is authenticated; nothing was read from it yet. */
  readonly transport: Duplex;
  /** Has its bytes go to a receiver that keeps none of them; they come as 'data' when it is left out. */
  readonly readInto?: (receive: (chunk: Buffer) => void) => void;
  readonly handler: ConnectionHandler;
  readonly limits: ConnectionLimits;
  readonly budget: MemoryBudget;
  /** On whose account bytes wait: the identity of the peer. */
  readonly owner?: string;
  readonly clock: MonotonicClock;
}

/** How long a connection that we have ended waits for what is under way, and for the peer's FIN. */
const LINGER_MS = 2_000;

const NOTHING = Buffer.alloc(8);

/**
 * One end of an HTTP/2 connection that carries CONNECT tunnels (RFC 9113), written for moving bytes:
 * no Node.js stream per tunnel, frames are not put together, and everything of one turn of the event
 * loop leaves in one write.
 */
export class Http2Connection implements StreamHost {
  readonly outbox: Outbox;
  readonly budget: MemoryBudget;
  readonly owner: string;
  readonly clock: MonotonicClock;
  readonly #options: ConnectionOptions;
  readonly #streams: StreamTable;
  readonly #reader: FrameReader;
  readonly #guard: FloodGuard;
  readonly #receiveWindow: ConnectionWindow;
  readonly #requests = new ConnectBlocks();
  /** Of the client's preface, which a server has to see first. */
  #prefaceLeft: number;
  #peer = INITIAL_PEER_SETTINGS;
  #isAccepted = false;
  #hasSentHeaders = false;
  #sendWindowBytes = DEFAULT_WINDOW_BYTES;
  #pings: (() => void)[] = [];
  /** What our GOAWAY has said: streams above it are refused. */
  #lastServedId = MAX_STREAM_ID;
  #error: Error | undefined;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #linger: Timer | undefined;
  /** Read and thrown away since we have ended it. */
  #lateBytes = 0;

  constructor(options: ConnectionOptions) {
    const { role, transport, limits, clock } = options;
    const readInto = options.readInto ?? ((receive) => transport.on('data', receive));
    this.#options = options;
    this.budget = options.budget;
    this.owner = options.owner ?? '';
    this.clock = clock;
    this.#streams = new StreamTable(role);
    this.#guard = new FloodGuard(clock, limits.flood);
    this.#receiveWindow = new ConnectionWindow(limits.connectionWindowBytes);
    this.outbox = new Outbox({
      transport,
      mayServe: () => this.#sendWindowBytes > 0,
      onOverflow: () => this.#fail(new ConnectionError('ENHANCE_YOUR_CALM', UNREAD_SENTENCE)),
    });
    const frames = new IncomingFrames({
      streams: this.#streams,
      effects: this.#effects,
      guard: this.#guard,
      headerLimits: limits.headers,
    });
    this.#reader = new FrameReader(frames, limits.frames);
    this.#prefaceLeft = role === 'server' ? CLIENT_PREFACE.length : 0;
    readInto(this.#read);
    transport.on('error', (error) => {
      // What breaks while it ends is not why it ended.
      if (!this.isClosed) this.#error ??= error;
    });
    // HTTP/2 knows no half-closed connection.
    transport.once('end', () => transport.destroy());
    transport.once('close', this.#onClose);
    this.#greet();
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Streams that the peer lets us have open at once. */
  get peerMaxStreams(): number {
    return this.#peer.maxConcurrentStreams;
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
    const id = this.isClosed ? undefined : this.#streams.takeLocalId();
    if (id === undefined) return undefined;
    const stream = this.#addStream(id, observer);
    this.outbox.frames.headers(id, this.#inOrder(this.#requests.blockOf(authority)), false);
    return stream;
  }

  /** Answers a request, with nothing but a status; `endStream` when that is all. */
  respond(stream: Http2Stream, status: number, endStream: boolean): void {
    if (stream.isClosed) return;
    this.outbox.frames.headers(stream.id, this.#inOrder(statusBlock(status)), endStream);
    if (!endStream) return;
    // The peer may have said nothing yet, and has no need to (RFC 9113 section 8.1).
    if (stream.remoteEnded) stream.terminate({ kind: 'ended' });
    // Also of one that has ended: what came with the request will not be read.
    stream.reset(ERROR_CODE.NO_ERROR);
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
    this.#loseStreams();
    this.#options.transport.destroy();
  }

  transmit(stream: Http2Stream, chunk: Buffer, maxBytes: number): number {
    const allowed = Math.min(maxBytes, stream.sendWindowBytes, this.#sendWindowBytes);
    if (allowed <= 0) return 0;
    const { frames } = this.outbox;
    for (let from = 0; from < allowed;) {
      const to = Math.min(allowed, from + this.#peer.maxFrameBytes);
      frames.data(stream.id, chunk, from, to);
      this.#guard.earn();
      from = to;
    }
    stream.sendWindowBytes -= allowed;
    this.#sendWindowBytes -= allowed;
    return allowed;
  }

  closed(stream: Http2Stream, byReset: boolean): void {
    this.#streams.remove(stream.id, byReset);
    this.#options.handler.streamClosed();
  }

  /** The first header block of all gives up the table. */
  #inOrder(block: Buffer): Buffer {
    if (this.#hasSentHeaders) return block;
    this.#hasSentHeaders = true;
    return Buffer.concat([NO_TABLE, block]);
  }

  /** The first words of either side (RFC 9113 section 3.4). */
  #greet(): void {
    const { role, limits } = this.#options;
    const { frames } = this.outbox;
    if (role === 'client') frames.raw(CLIENT_PREFACE);
    frames.settings([
      ...(role === 'client' ? [[SETTING.ENABLE_PUSH, 0] as const] : []),
      [SETTING.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
      [SETTING.MAX_FRAME_SIZE, limits.frames.maxFrameBytes],
      [SETTING.MAX_HEADER_LIST_SIZE, limits.headers.maxListBytes],
    ]);
    const increment = this.#receiveWindow.refill();
    if (increment > 0) frames.windowUpdate(0, increment);
  }

  readonly #read = (chunk: Buffer): void => {
    if (this.isClosed) return this.#readLate(chunk.length);
    try {
      const rest = this.#prefaceLeft > 0 ? this.#readPreface(chunk) : chunk;
      if (rest.length > 0) this.#reader.read(rest);
      this.outbox.serve();
    } catch (error) {
      // A mistake of ours must not be the end of the other connections.
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  };

  /** An honest peer has no more under way than the window; a flood is cut off before the linger is over. */
  #readLate(bytes: number): void {
    this.#lateBytes += bytes;
    const { transport, limits } = this.#options;
    if (this.#lateBytes > limits.connectionWindowBytes) transport.destroy();
  }

  #readPreface(chunk: Buffer): Buffer {
    const start = CLIENT_PREFACE.length - this.#prefaceLeft;
    const bytes = Math.min(this.#prefaceLeft, chunk.length);
    if (CLIENT_PREFACE.compare(chunk, 0, bytes, start, start + bytes) !== 0) {
      throw new ConnectionError('PROTOCOL_ERROR', 'expected the preface of HTTP/2, got another');
    }
    this.#prefaceLeft -= bytes;
    return chunk.subarray(bytes);
  }

  readonly #effects: FrameEffects = {
    receive: (payloadBytes) => {
      if (!this.#receiveWindow.receive(payloadBytes)) {
        const sentence = 'expected DATA within the window of the connection, got more';
        throw new ConnectionError('FLOW_CONTROL_ERROR', sentence);
      }
      const increment = this.#receiveWindow.refill();
      if (increment > 0) this.outbox.frames.windowUpdate(0, increment);
    },
    opened: (block) => this.#opened(block),
    settings: (payload) => this.#settings(payload),
    ping: (opaque) => this.outbox.frames.ping(opaque, true),
    pong: () => this.#pings.shift()?.(),
    goaway: (lastStreamId, code) => {
      for (const stream of this.#streams.all()) {
        const isUnseen = stream.id > lastStreamId && !this.#streams.isRemote(stream.id);
        if (isUnseen) stream.terminate({ kind: 'reset', code: ERROR_CODE.REFUSED_STREAM });
      }
      this.#options.handler.goaway(code);
    },
    windowOpened: (bytes) => {
      this.#sendWindowBytes += bytes;
      if (this.#sendWindowBytes > MAX_WINDOW_BYTES) {
        const sentence = 'expected a window of at most 2^31-1 bytes, got a larger one';
        throw new ConnectionError('FLOW_CONTROL_ERROR', sentence);
      }
    },
    breakStream: (stream, code) => {
      this.outbox.frames.reset(stream.id, code);
      stream.terminate({ kind: 'broken', code });
    },
    refuseFrame: (streamId) => this.#refuse(streamId, ERROR_CODE.STREAM_CLOSED),
  };

  #opened({ streamId, fields, endStream }: HeaderBlock): void {
    if (this.isClosed) return;
    const { role, limits, handler } = this.#options;
    if (role === 'client') {
      const sentence = `expected no stream that a server opens, got stream ${streamId}`;
      throw new ConnectionError('PROTOCOL_ERROR', sentence);
    }
    if (streamId > this.#lastServedId || this.#streams.size >= limits.maxConcurrentStreams) {
      return this.#refuse(streamId, ERROR_CODE.REFUSED_STREAM);
    }
    const head = readRequest(fields);
    if (head.kind === 'malformed') return this.#refuse(streamId, ERROR_CODE.PROTOCOL_ERROR);
    if (head.kind === 'other' && !this.#guard.spend()) {
      throw new ConnectionError('ENHANCE_YOUR_CALM', 'expected CONNECT, got a flood of requests');
    }
    const stream = this.#addStream(streamId);
    // First, so that an answer that ends the stream ends it well.
    if (endStream) stream.remoteEnd();
    if (head.kind === 'connect') handler.connect(stream, head.authority);
    else this.respond(stream, 400, true);
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
        if (!stream.openSendWindow(change)) {
          const sentence = 'expected windows of at most 2^31-1 bytes, got a larger one';
          throw new ConnectionError('FLOW_CONTROL_ERROR', sentence);
        }
      }
    }
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    handler.accepted();
  }

  #addStream(id: number, observer?: StreamObserver): Http2Stream {
    const stream = new Http2Stream({
      id,
      host: this,
      ...(observer === undefined ? {} : { observer }),
      sendWindowBytes: this.#peer.initialWindowBytes,
      maxReceiveWindowBytes: this.#options.limits.maxStreamWindowBytes,
      hasHead: this.#streams.isRemote(id),
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Answers frames of a stream that is not open, and ignores those that follow. */
  #refuse(streamId: number, code: number): void {
    if (!this.#guard.spend()) {
      throw new ConnectionError(
        'ENHANCE_YOUR_CALM',
        'expected frames of open streams, got a flood of others',
      );
    }
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
    this.#loseStreams();
    const { transport, clock } = this.#options;
    this.outbox.end();
    // A peer that reads nothing, or doesn't end its side, must not keep it.
    this.#linger = clock.after(LINGER_MS, () => transport.destroy());
  }

  #loseStreams(): void {
    for (const stream of this.#streams.all()) stream.terminate({ kind: 'lost' });
  }

  readonly #onClose = (): void => {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#linger?.cancel();
    this.#loseStreams();
    this.#pings = [];
    this.#options.handler.closed(this.#error);
  };
}

const UNREAD_SENTENCE = 'expected a peer that reads its answers, got one that asks for more';
