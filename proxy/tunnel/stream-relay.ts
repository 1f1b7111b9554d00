import type { Socket } from 'node:net';
import { ERROR_CODE } from '../http2/protocol.ts';
import type { Http2Stream, StreamEnd, StreamReceiver } from '../http2/stream.ts';
import { countRead } from '../relay/read-memory.ts';
import { resetSocket } from '../relay/reset-socket.ts';
import { hasSharedRead, readInto } from '../relay/shared-read.ts';
import type { RelayCounters, RelayOutcome } from '../relay/relay.ts';
import { PlaintextWriter } from './plaintext-writer.ts';

/** What Node.js reads into from a socket without a shared buffer. */
const READ_BYTES = 64 * 1024;

/**
 * Carries bytes between a plaintext socket and a stream of a tunnel until both directions have ended.
 * Takes over the socket, and closes it in every outcome but `untouched`. Never rejects.
 *
 *     socket 'end'   -> END_STREAM            END_STREAM           -> FIN     half-close, each its own
 *     socket broken  -> RST_STREAM            RST_STREAM           -> RST     never a FIN
 *                                             the tunnel is gone   -> RST
 *                                             RST_STREAM NO_ERROR
 *                                             after END_STREAM     -> FIN     RFC 9113 section 8.1
 *
 * A transfer that was cut short must never look complete to the application. ztunnel reads CANCEL as
 * an EOF, and also sends it when it drops a connection halfway, so that reading would let a truncated
 * transfer pass for a complete one: here CANCEL is a reset. We say CONNECT_ERROR when our application
 * broke off (RFC 9113 section 8.5), which ztunnel does not read as an EOF.
 */
export function relayStream(
  socket: Socket,
  stream: Http2Stream,
  counters: RelayCounters,
): Promise<RelayOutcome> {
  return new StreamRelay(socket, stream, counters).done;
}

class StreamRelay implements StreamReceiver {
  readonly done: Promise<RelayOutcome>;
  readonly #settle: (outcome: RelayOutcome) => void;
  readonly #socket: Socket;
  readonly #stream: Http2Stream;
  readonly #counters: RelayCounters;
  /** What is read is in memory that the next read needs. */
  readonly #isShared: boolean;
  /** A byte or an end has gone either way. */
  #isTouched = false;
  #isSettled = false;
  #socketClosed = false;
  #streamEnded = false;
  #peerReadsNoMore = false;
  readonly #writer: PlaintextWriter;

  constructor(socket: Socket, stream: Http2Stream, counters: RelayCounters) {
    const { promise, resolve } = Promise.withResolvers<RelayOutcome>();
    this.done = promise;
    this.#settle = resolve;
    this.#socket = socket;
    this.#stream = stream;
    this.#counters = counters;
    this.#isShared = hasSharedRead(socket);
    this.#writer = new PlaintextWriter(socket, stream);
    // An error is followed by 'close', where it is judged; after us too, until it is taken over.
    socket.on('error', ignore);
    if (stream.isClosed && !stream.hasAllOfPeer) this.ended(stream.closedAs ?? { kind: 'lost' });
    else if (socket.destroyed) this.#appBroke();
    else this.#attach();
  }

  #attach(): void {
    const socket = this.#socket;
    // The application may end its direction and go on reading.
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    readInto(socket, this.#onSocketData);
    socket.on('end', this.#onSocketEnd);
    socket.on('close', this.#onSocketClose);
    this.#stream.attach(this);
    // It came paused, so that nothing was lost before.
    if (!this.#isSettled) socket.resume();
  }

  // From the application.

  readonly #onSocketData = (chunk: Buffer): void => {
    this.#isTouched = true;
    this.#counters.bytesFromApp += chunk.length;
    // However little came: its size says nothing about the memory that V8 accounts for it.
    if (!this.#isShared) countRead(READ_BYTES);
    if (!this.#stream.send(chunk, this.#isShared)) this.#socket.pause();
  };

  readonly #onSocketEnd = (): void => {
    this.#isTouched = true;
    this.#stream.end();
  };

  readonly #onSocketClose = (): void => {
    this.#socketClosed = true;
    // A FIN was read, and everything was written with a FIN after it.
    const hasEnded = this.#socket.readableEnded || this.#peerReadsNoMore;
    if (hasEnded && this.#socket.writableFinished) this.#completeWhenEnded();
    else this.#appBroke();
  };

  resume(): void {
    this.#socket.resume();
  }

  // To the application.

  data(chunk: Buffer, more: boolean): void {
    this.#isTouched = true;
    this.#counters.bytesToApp += chunk.length;
    this.#writer.write(chunk, more);
  }

  end(): void {
    this.#isTouched = true;
    // Whatever is being written, the order stays: the FIN comes last.
    this.#writer.flush();
    this.#socket.end();
  }

  ended(end: StreamEnd): void {
    this.#streamEnded = true;
    switch (end.kind) {
      case 'ended':
        this.#completeWhenEnded();
        break;
      case 'unread':
        // What the application still sends is of no use, but what the peer sent must
        // reach it first.
        this.#peerReadsNoMore = true;
        this.#writer.flush();
        if (!this.#socket.readableEnded) this.#socket.destroySoon();
        this.#completeWhenEnded();
        break;
      case 'reset':
      case 'broken':
        this.#break('peer-reset');
        break;
      case 'shed':
        this.#break('shed');
        break;
      case 'lost':
        this.#lost();
        break;
    }
  }

  #completeWhenEnded(): void {
    if (this.#socketClosed && this.#streamEnded) this.#finish('complete');
  }

  #appBroke(): void {
    if (this.#isSettled) return;
    this.#finish('app-reset');
    this.#stream.reset(ERROR_CODE.CONNECT_ERROR);
  }

  #lost(): void {
    if (this.#isTouched || this.#socket.destroyed) return this.#break('tunnel-lost');
    this.#socket.pause();
    this.#finish('untouched');
  }

  #break(outcome: RelayOutcome): void {
    this.#finish(outcome);
    resetSocket(this.#socket);
  }

  #finish(outcome: RelayOutcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const socket = this.#socket;
    readInto(socket, undefined);
    socket.off('data', this.#onSocketData);
    socket.off('end', this.#onSocketEnd);
    socket.off('close', this.#onSocketClose);
    this.#writer.discard();
    this.#settle(outcome);
  }
}

function ignore(): void {}
