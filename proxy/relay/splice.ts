import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { RelayCounters, RelayOutcome, RelayStream } from './relay.ts';
import { resetSocket } from './reset-socket.ts';

/**
 * What may wait in our memory for a reader that is slower than its writer, in each direction. Large
 * enough to keep a fast path busy for a turn of the event loop, small enough that small requests
 * beside a bulk transfer do not queue behind it.
 */
const QUEUE_BYTES = 256 * 1024;

/**
 * Carries bytes between a plaintext socket and a tunnel's stream until both directions have ended.
 * Takes over the socket, and closes it in every outcome but `untouched`. Never rejects.
 *
 *     socket 'end'  -> stream.end()        stream 'end'  -> socket.end()      half-close, each its own
 *     socket broken -> stream.reset()      stream broken -> RST               never a FIN
 *
 * A transfer that was cut short must never look complete to the application, and HTTP/2 streams in
 * Node.js emit 'end' after a RST_STREAM too: 'end' counts as a FIN only while nothing is broken.
 */
export function splice(
  socket: Socket,
  stream: RelayStream,
  counters: RelayCounters,
): Promise<RelayOutcome> {
  return new Splice(socket, stream, counters).done;
}

class Splice {
  readonly done: Promise<RelayOutcome>;
  readonly #resolve: (outcome: RelayOutcome) => void;
  readonly #socket: Socket;
  readonly #stream: RelayStream;
  readonly #duplex: Duplex;
  readonly #counters: RelayCounters;
  #touched = false;
  #settled = false;
  #socketClosed = false;
  #duplexClosed = false;
  #peerReadsNoMore = false;

  constructor(socket: Socket, stream: RelayStream, counters: RelayCounters) {
    const { promise, resolve } = Promise.withResolvers<RelayOutcome>();
    this.done = promise;
    this.#resolve = resolve;
    this.#socket = socket;
    this.#stream = stream;
    this.#duplex = stream.duplex;
    this.#counters = counters;
    if (this.#duplex.destroyed || stream.broken() !== undefined) {
      this.#streamBroke();
    } else if (socket.destroyed) {
      this.#appBroke();
    } else {
      this.#attach();
    }
  }

  #attach(): void {
    const socket = this.#socket;
    // The application may end its direction and go on reading.
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.on('data', this.#onSocketData);
    socket.on('end', this.#onSocketEnd);
    socket.on('drain', this.#onSocketDrain);
    socket.on('error', ignore);
    socket.on('close', this.#onSocketClose);
    const duplex = this.#duplex;
    duplex.on('data', this.#onStreamData);
    duplex.on('end', this.#onStreamEnd);
    duplex.on('drain', this.#onStreamDrain);
    duplex.on('aborted', this.#onStreamAborted);
    duplex.on('close', this.#onStreamClose);
    // Both may come paused, so that nothing was lost before.
    socket.resume();
    duplex.resume();
  }

  #detach(): void {
    const socket = this.#socket;
    socket.off('data', this.#onSocketData);
    socket.off('end', this.#onSocketEnd);
    socket.off('drain', this.#onSocketDrain);
    socket.off('close', this.#onSocketClose);
    const duplex = this.#duplex;
    duplex.off('data', this.#onStreamData);
    duplex.off('end', this.#onStreamEnd);
    duplex.off('drain', this.#onStreamDrain);
    duplex.off('aborted', this.#onStreamAborted);
    duplex.off('close', this.#onStreamClose);
  }

  readonly #onSocketData = (chunk: Buffer): void => {
    this.#touched = true;
    this.#counters.bytesFromApp += chunk.length;
    this.#duplex.write(chunk);
    if (this.#duplex.writableLength >= QUEUE_BYTES) this.#socket.pause();
  };

  readonly #onStreamDrain = (): void => {
    this.#socket.resume();
  };

  readonly #onStreamData = (chunk: Buffer): void => {
    this.#touched = true;
    this.#counters.bytesToApp += chunk.length;
    this.#socket.write(chunk);
    if (this.#socket.writableLength >= QUEUE_BYTES) this.#duplex.pause();
  };

  readonly #onSocketDrain = (): void => {
    this.#duplex.resume();
  };

  readonly #onSocketEnd = (): void => {
    this.#touched = true;
    this.#duplex.end();
  };

  readonly #onStreamEnd = (): void => {
    if (this.#stream.broken() !== undefined) return this.#streamBroke();
    this.#touched = true;
    this.#socket.end();
  };

  readonly #onStreamAborted = (): void => {
    if (this.#stream.broken() !== undefined) this.#streamBroke();
  };

  readonly #onSocketClose = (): void => {
    this.#socketClosed = true;
    // 'end' and 'finish' both came: a FIN was read, and everything was written with a FIN after it.
    const ended = this.#socket.readableEnded || this.#peerReadsNoMore;
    if (ended && this.#socket.writableFinished) this.#completeWhenClosed();
    else this.#appBroke();
  };

  readonly #onStreamClose = (): void => {
    this.#duplexClosed = true;
    if (this.#stream.broken() !== undefined || !this.#duplex.readableEnded) {
      this.#streamBroke();
    } else {
      // RST_STREAM NO_ERROR after the peer's END_STREAM (RFC 9113 section 8.1): what the application
      // still sends is of no use, but what the peer sent must reach it first.
      if (!this.#socket.readableEnded) {
        this.#peerReadsNoMore = true;
        this.#socket.destroySoon();
      }
      this.#completeWhenClosed();
    }
  };

  #completeWhenClosed(): void {
    if (this.#socketClosed && this.#duplexClosed) this.#settle('complete');
  }

  #appBroke(): void {
    if (this.#settled) return;
    this.#settle('app-reset');
    // RFC 9113 section 8.5: a broken TCP connection is a stream error.
    this.#stream.reset();
    // It is not read any more, and a stream with unread bytes would never close.
    this.#duplex.resume();
  }

  #streamBroke(): void {
    if (this.#settled) return;
    const broken = this.#stream.broken() ?? 'peer-reset';
    if (broken === 'tunnel-lost' && !this.#touched && !this.#socket.destroyed) {
      this.#settle('untouched');
      this.#socket.pause();
      // Until it is taken over, an error must not be the end of the process.
      this.#socket.on('error', ignore);
      return;
    }
    this.#settle(broken);
    this.#duplex.resume();
    if (this.#socket.destroyed) return;
    this.#socket.on('error', ignore);
    resetSocket(this.#socket);
  }

  #settle(outcome: RelayOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#detach();
    this.#resolve(outcome);
  }
}

/** An error is always followed by 'close', where it is judged. */
function ignore(): void {}
